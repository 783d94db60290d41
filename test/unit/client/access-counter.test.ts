import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AccessCounter } from "../../../src/client/access-counter.ts";
import type { Place } from "../../../src/client/observer.ts";
import { seededRandom } from "../../support/random.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const PLACE: Place = { target: "127.0.0.1:6379", db: 0 };

/** A counter without an agent: it ends its seconds itself. */
function rig({ sampleRate = null, db = 0 }: { sampleRate?: number | null; db?: number } = {}) {
  const clock = new SimulatedClock();
  const dropped: Record<string, number> = {};
  const counter = new AccessCounter({
    sampleRate,
    place: { target: null, db },
    clock,
    onDropped: (reason, accesses) => {
      dropped[reason] = (dropped[reason] ?? 0) + accesses;
    },
    onBegin: null,
    random: seededRandom(11),
  });
  const access = (
    key: string | Uint8Array,
    times: number,
    kind: "read" | "write" = "read",
    place = PLACE,
  ) => {
    for (let i = 0; i < times; i++) {
      counter.sampler.take()?.add(place, key, { kind, isMiss: i % 4 === 0, command: "x", bytes: 1 });
    }
  };
  return { clock, counter, dropped, access };
}

describe("topKeys, without an agent", () => {
  test("tells rates over the last 10 s by kind, hottest first", () => {
    const { clock, counter, access } = rig();
    for (let i = 0; i < 200; i++) {
      access("a", 40);
      access("b", 20, "write");
      clock.advance(100);
    }
    const [a, b, ...others] = counter.topKeys(10);
    assert.deepEqual(others, []);
    assert.deepEqual([a?.key, a?.keyEncoding, a?.db, b?.key], ["a", "utf8", 0, "b"]);
    for (const [rate, expected] of [
      [a?.ratePerSecond.read, 400],
      [a?.ratePerSecond.miss, 100],
      [a?.ratePerSecond.write, 0],
      [a?.ratePerSecond.total, 400],
      [b?.ratePerSecond.write, 200],
      [b?.ratePerSecond.total, 200],
    ] as const) {
      assert.ok(Math.abs((rate ?? -1) - expected) <= 0.03 * expected, `${rate}, expected ${expected}`);
    }
    assert.equal(clock.waiting, 0);
  });

  test("scales what was sampled", () => {
    const { clock, counter, access } = rig({ sampleRate: 1 / 8 });
    for (let i = 0; i < 1000; i++) {
      access("a", 20);
      clock.advance(10);
    }
    const rate = counter.topKeys(1)[0]?.ratePerSecond.total ?? 0;
    assert.ok(Math.abs(rate - 2000) < 120, `${rate}`);
  });

  test("forgets what is older", () => {
    const { clock, counter, access } = rig();
    access("old", 1000);
    clock.advance(2000);
    access("new", 10);
    clock.advance(9500);
    access("new", 10);
    assert.deepEqual(
      counter.topKeys(5).map(({ key }) => key),
      ["new"],
    );
    clock.advance(12_000);
    assert.deepEqual(counter.topKeys(5), []);
  });

  test("joins places, and texts with the bytes that they are; databases stay apart", () => {
    const { counter, access } = rig();
    access("é", 3);
    access(Buffer.from("é"), 2, "read", { target: "other:1", db: 0 });
    access("é", 1, "read", { target: "other:1", db: 2 });
    access(Buffer.from([0xff]), 1);
    assert.deepEqual(
      counter
        .topKeys(9)
        .map(({ key, keyEncoding, db, ratePerSecond }) => [key, keyEncoding, db, ratePerSecond.read]),
      [
        ["é", "utf8", 0, 5],
        ["/w==", "base64", 0, 1],
        ["é", "utf8", 2, 1],
      ].sort((one, other) => Number(other[3]) - Number(one[3])),
    );
  });

  test("takes any limit", () => {
    const { counter, access } = rig();
    for (let i = 0; i < 20; i++) access(`k${i}`, i + 1);
    assert.deepEqual(
      counter.topKeys(2).map(({ key }) => key),
      ["k19", "k18"],
    );
    assert.equal(counter.topKeys(2.9).length, 2);
    for (const limit of [0, -1, Number.NaN]) assert.deepEqual(counter.topKeys(limit), [], String(limit));
    assert.equal(counter.topKeys(Number.POSITIVE_INFINITY).length, 20);
  });
});

describe("record", () => {
  test("is exact whatever is sampled, and tells absorbed accesses apart", () => {
    const { counter } = rig({ sampleRate: 1 / 1024, db: 5 });
    for (let i = 0; i < 10; i++) counter.record("k", "read", 3);
    counter.record(Buffer.from("k"), "absorbed", 7);
    counter.record("k", "miss", 1);
    const [k] = counter.topKeys(1);
    assert.deepEqual(k, {
      key: "k",
      keyEncoding: "utf8",
      db: 5,
      ratePerSecond: { read: 31, write: 0, miss: 1, total: 31 },
      absorbedPerSecond: 7,
    });
  });

  test("throws nothing, whatever it is given; what makes no sense is counted", () => {
    const { counter, dropped } = rig();
    const nonsense: [unknown, unknown, unknown][] = [
      [undefined, "read", 1],
      [7, "read", 1],
      [{}, "read", 1],
      ["k", "reads", 1],
      ["k", null, 1],
      ["k", "read", 0],
      ["k", "read", -1],
      ["k", "read", 0.5],
      ["k", "read", Number.NaN],
      ["k", "read", "1"],
      ["k", "read", 2 ** 40],
    ];
    for (const words of nonsense) counter.record(...words);
    assert.deepEqual(counter.topKeys(9), []);
    assert.equal(dropped.invalid, nonsense.length);
  });

  test("does nothing after the end", () => {
    const { counter } = rig();
    counter.record("k", "read", 1);
    assert.equal(counter.end().flatMap(({ rows }) => rows).length, 1);
    counter.record("k", "read", 1);
    assert.deepEqual(counter.topKeys(1), []);
  });
});

test("a million distinct keys are told of in limited memory", () => {
  const { clock, counter, access } = rig();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 1_000_000; i++) {
    access(`key:${i}:of:many`, 1);
    if (i % 10 === 0) access("hot", 1);
    if (i % 50 === 0) clock.advance(1);
  }
  globalThis.gc?.();
  const grownMib = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  const rows = [...counter.tallies.all()].reduce((sum, { size }) => sum + size, 0);
  assert.ok(rows <= 4 * 2048, `${rows} rows`);
  assert.equal(counter.topKeys(1)[0]?.key, "hot");
  if (globalThis.gc) assert.ok(grownMib < 20, `${grownMib} MiB`);
});
