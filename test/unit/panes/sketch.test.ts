import assert from "node:assert/strict";
import { test } from "node:test";
import { Sketch } from "../../../src/panes/sketch.ts";
import fc from "../../support/fast-check.ts";
import { boundsOf, COLUMNS, entryOf, hasher, hit, makeSketch } from "./small-sketch.ts";

test("it counts exactly until it is full", () => {
  const sketch = makeSketch(4);
  for (let i = 0; i < 5; i++) hit(sketch, "a");
  hit(sketch, "b", { column: 1, weight: 3 });
  assert.deepEqual(boundsOf(sketch, "a"), { lower: 5, upper: 5 });
  assert.deepEqual(boundsOf(sketch, "b"), { lower: 3, upper: 3 });
  assert.deepEqual(boundsOf(sketch, "c"), { lower: 0, upper: 0 });
});

test("the same bytes in two databases, and keys that are prefixes of each other, are different keys", () => {
  const sketch = makeSketch(8);
  const first = hit(sketch, "k", { db: 0 });
  const second = hit(sketch, "k", { db: 1 });
  const third = hit(sketch, "k\0", { db: 0 });
  assert.equal(new Set([first, second, third]).size, 3);
});

test("bounds hold for every key of any stream, whatever the capacity, and the floor keeps its promise", () => {
  const stream = fc.array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 9 })), {
    maxLength: 600,
  });
  fc.assert(
    fc.property(stream, fc.integer({ min: 2, max: 40 }), (accesses, capacity) => {
      const sketch = makeSketch(capacity);
      const truth = new Map<string, number>();
      let total = 0;
      for (const [number, weight] of accesses) {
        const key = `key:${number}`;
        hit(sketch, key, { weight, column: number % COLUMNS });
        truth.set(key, (truth.get(key) ?? 0) + weight);
        total += weight;
      }
      for (let number = 0; number <= 60; number++) {
        const exact = truth.get(`key:${number}`) ?? 0;
        const { lower, upper } = boundsOf(sketch, `key:${number}`);
        assert.ok(lower <= exact && exact <= upper, `key:${number}: ${lower} <= ${exact} <= ${upper}`);
      }
      assert.ok(
        sketch.floor <= (2 * total) / Math.max(1, capacity - 1) + 9,
        `floor ${sketch.floor} of ${total}`,
      );
    }),
    { numRuns: 300 },
  );
});

test("the columns of an entry add up to what was counted, also after purges moved it", () => {
  const sketch = makeSketch(4);
  for (let i = 0; i < 50; i++) hit(sketch, "hot", { column: i % 2, command: 1 + (i % 3) });
  for (let i = 0; i < 100; i++) hit(sketch, `cold:${i}`);
  const entry = hit(sketch, "hot", { column: 1 });
  assert.ok(sketch.purges > 0);
  assert.equal(sketch.counter(entry, 0), 25);
  assert.equal(sketch.counter(entry, 1), 26);
  assert.equal(sketch.counted(entry), 51);
  const commands = new Map(
    [0, 1, 2].map((place) => [sketch.commandId(entry, place), sketch.commandCount(entry, place)]),
  );
  assert.deepEqual(
    commands,
    new Map([
      [1, 17],
      [2, 17],
      [3, 16],
    ]),
  );
});

test("key bytes have a limit of their own: long keys purge before the entries run out", () => {
  const sketch = makeSketch(1000, 8192);
  for (let i = 0; i < 40; i++) hit(sketch, String(i).padStart(1000, "x"));
  assert.ok(sketch.purges > 0);
  assert.ok(sketch.keyBytesUsed <= 8192);
  assert.ok(sketch.floor >= 1);
});

test("what is taken back or moved never goes below nothing", () => {
  const sketch = makeSketch(4);
  const entry = hit(sketch, "k", { weight: 2 });
  assert.equal(sketch.takeBack(entry, 0, 3), false);
  assert.equal(sketch.move(entry, 0, 1, 2), true);
  assert.equal(sketch.move(entry, 0, 1, 1), false);
  assert.equal(sketch.takeBack(entry, 1, 2), true);
  assert.equal(sketch.counted(entry), 0);
});

test("the floor never sinks, also when counts were taken out of the entries below it", () => {
  const sketch = makeSketch(4);
  hit(sketch, "a");
  hit(sketch, "b");
  for (const key of ["c", "d"]) hit(sketch, key, { weight: 4 });
  hit(sketch, "e");
  assert.equal(sketch.floor, 1);
  for (const key of ["c", "d"]) {
    assert.equal(sketch.takeBack(entryOf(sketch, key), 0, 4), true);
  }
  hit(sketch, "a");
  hit(sketch, "f");
  assert.equal(boundsOf(sketch, "b").upper, 1);
});

test("a reset summary is as good as new", () => {
  const sketch = makeSketch(4);
  for (let i = 0; i < 30; i++) hit(sketch, `k${i}`, { command: 3 });
  sketch.reset();
  assert.equal(sketch.floor, 0);
  assert.deepEqual(boundsOf(sketch, "k29"), { lower: 0, upper: 0 });
  const entry = hit(sketch, "k29");
  assert.equal(sketch.counted(entry), 1);
  assert.equal(sketch.commandId(entry, 0), 0);
});

test("a budget that leaves no room for keys is refused", () => {
  assert.throws(
    () => new Sketch({ capacity: 100, bytesMax: 1000, columns: 2, notes: 0, hasher }),
    RangeError,
  );
});

test("the floor rises to the median bound, whether the bounds stand close above it or far", () => {
  const weight = fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 600 }),
    fc.integer({ min: 250, max: 260 }),
    fc.integer({ min: 1, max: 2 ** 40 }),
  );
  fc.assert(
    fc.property(fc.array(weight, { minLength: 2, maxLength: 40 }), fc.array(weight), (weights, more) => {
      const sketch = makeSketch(weights.length);
      weights.forEach((count, i) => {
        hit(sketch, `first:${i}`, { weight: count });
      });
      more.forEach((count, i) => {
        const { purges, floor } = sketch;
        const isFull = sketch.size === weights.length;
        const bounds = Array.from(
          { length: sketch.size },
          (_, entry) => sketch.counted(entry) + sketch.error(entry),
        ).sort((a, b) => a - b);
        hit(sketch, `more:${i}`, { weight: count });
        assert.equal(sketch.purges, purges + (isFull ? 1 : 0));
        const median = bounds[Math.floor((bounds.length - 1) / 2)] ?? 0;
        assert.equal(sketch.floor, isFull ? Math.max(floor, median) : floor);
      });
    }),
    { numRuns: 300 },
  );
});

test("a purge of bounds that are all the same leaves room", () => {
  const sketch = makeSketch(5);
  for (let i = 0; i < 5; i++) hit(sketch, `k${i}`, { weight: 1_000_000 });
  hit(sketch, "new");
  assert.equal(sketch.floor, 1_000_000);
  assert.equal(sketch.size, 1);
  assert.deepEqual(boundsOf(sketch, "k3"), { lower: 0, upper: 1_000_000 });
});
