import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../../src/transport/transport.ts";
import { ClusterSimulation, type Instance } from "../support/cluster-simulation.ts";
import fc from "../support/fast-check.ts";
import { makePart, makeReport } from "../support/parts.ts";
import { wholeNumbers } from "../support/random.ts";
import { shardedSecond } from "../support/sharded-parts.ts";

const SECONDS = 3;

/** What one aggregator says after `SECONDS` in which `order` decides how each second's messages come. */
function windowsAfter(seed: number, order: (messages: readonly Message[]) => readonly Message[]) {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  const draw = wholeNumbers(seed);
  for (let second = 0; second < SECONDS; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    for (const message of order(shardedSecond(startMs, draw))) {
      for (const bucket of message.type === "part" ? [message.bucket] : [0, 1, 2, 3])
        simulation.publish(bucket, [message]);
    }
  }
  simulation.pass(3000);
  return topsOf(simulation, one);
}

function topsOf({ config }: ClusterSimulation, { aggregator }: Instance) {
  return [...aggregator.lanes()].map(({ windows }) =>
    config.windows.map((windowMs) => windows.top("default", windowMs, 1000)),
  );
}

/** Twice each, by the keys that fast-check draws. */
function shuffledTwice(messages: readonly Message[], keys: readonly number[]): Message[] {
  const twice = [...messages, ...messages];
  return twice
    .map((message, i) => ({ message, key: (keys[i % keys.length]! * (i + 1) * 2_654_435_761) % 65_521 }))
    .sort((a, b) => a.key - b.key)
    .map(({ message }) => message);
}

test("however often and in whatever order parts of a second come, all lanes' windows are the same", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.array(fc.integer({ min: 1, max: 65_520 }), { minLength: 97, maxLength: 97 }),
      (seed, keys) => {
        const exact = windowsAfter(seed, (messages) => messages);
        assert.deepEqual(
          windowsAfter(seed, (messages) => shuffledTwice(messages, keys)),
          exact,
        );
        assert.ok(exact.flat().some(({ heats }) => heats.length > 5));
      },
    ),
    { numRuns: 8 },
  );
});

test("what claims to be told in the far future is no word on its target, and is counted", () => {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  const nowMs = simulation.clock.now();
  simulation.publish(0, [
    makePart({ startMs: Math.floor(nowMs / 1000) * 1000 }),
    makeReport({ atMs: nowMs }),
  ]);
  simulation.publish(0, [makeReport({ atMs: nowMs + 86_400_000, agent: "agent-b" })]);
  simulation.pass(10_000);
  assert.deepEqual(
    one.aggregator.targets.coverage(simulation.clock.now()).map(({ state }) => state),
    ["blind"],
  );
  const books = one.aggregator.books().find(({ stage }) => stage === "panes");
  assert.deepEqual(books?.dropped, { future: 1 });
});
