import assert from "node:assert/strict";
import { test } from "node:test";
import { keep } from "../../../src/model/key.ts";
import type { Facts, KeyFacts } from "../../../src/model/target.ts";
import { FactFinder } from "../../../src/sources/fact-finder.ts";
import { makePart } from "../../support/parts.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const FACTS: Facts = { type: "string", bytes: 64, ttlSeconds: null, encoding: "embstr" };

function finderOf(lookUp: (key: string) => Promise<Facts | null>) {
  const clock = new SimulatedClock();
  const asked: string[] = [];
  const ownMisses: string[] = [];
  const emitted: KeyFacts[] = [];
  const finder = new FactFinder({
    cluster: "default",
    clock,
    lookUp: (_db, key) => {
      asked.push(Buffer.from(key).toString());
      return lookUp(Buffer.from(key).toString());
    },
    onLookUp: (_db, key) => (wasMiss) => {
      if (wasMiss) ownMisses.push(Buffer.from(key).toString());
    },
    emit: (facts) => emitted.push(facts),
  });
  return { clock, finder, asked, ownMisses, emitted };
}

const hot = (...rates: number[]) =>
  makePart({ rows: rates.map((rate) => ({ key: `k${rate}`, write: rate, currentPerSecond: rate })) });

test("the five hottest keys are looked up, each once in ten seconds", async () => {
  const { clock, finder, asked, emitted } = finderOf(async () => FACTS);
  await finder.consider([hot(150, 900, 800, 700), hot(600, 500, 400)]);
  assert.deepEqual(asked, ["k900", "k800", "k700", "k600", "k500"]);
  await finder.consider([hot(1000, 900)]);
  assert.equal(asked.length, 5);
  await clock.pass(10_000);
  await finder.consider([hot(1000, 900)]);
  assert.deepEqual(asked.slice(5), ["k1000", "k900"]);
  assert.equal(emitted.length, 7);
});

test("cool keys and cut keys are not looked up", async () => {
  const { finder, asked } = finderOf(async () => FACTS);
  const long = keep(Buffer.alloc(5000, 0x61));
  await finder.consider([makePart({ rows: [{ key: long, write: 500, currentPerSecond: 500 }] }), hot(99)]);
  assert.deepEqual(asked, []);
});

test("a key that is gone was missed by the agent itself, and a failed look-up harms nobody", async () => {
  const { finder, ownMisses, emitted } = finderOf(async (key) => {
    if (key === "k300") throw new Error("away");
    return null;
  });
  await finder.consider([hot(300, 200)]);
  assert.deepEqual(ownMisses, ["k200"]);
  assert.deepEqual(emitted, []);
});
