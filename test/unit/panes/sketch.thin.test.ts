import assert from "node:assert/strict";
import { test } from "node:test";
import { Coins } from "../../../src/panes/coins.ts";
import type { Sketch } from "../../../src/panes/sketch.ts";
import fc from "../../support/fast-check.ts";
import { boundsOf, COLUMNS, entryOf, hit, makeSketch } from "./small-sketch.ts";

test("after thinning each count is a binomial half, as if every access had been tossed for", () => {
  const coins = new Coins(12_345);
  const accesses = 60;
  const trials = 3000;
  let sum = 0;
  let squares = 0;
  for (let trial = 0; trial < trials; trial++) {
    const sketch = makeSketch(4);
    const entry = hit(sketch, "k", { weight: accesses });
    sketch.thin(coins);
    const deviation = sketch.counted(entry) - accesses / 2;
    sum += deviation;
    squares += deviation * deviation;
  }
  const variance = accesses / 4;
  assert.ok(Math.abs(sum / trials) < 4 * Math.sqrt(variance / trials), `mean off by ${sum / trials}`);
  assert.ok(
    Math.abs(squares / trials - variance) < 4 * variance * Math.sqrt(2 / trials),
    `${squares / trials}`,
  );
});

test("thinning leaves the floor, the errors and the notes alone, and the keys where they are", () => {
  const sketch = makeSketch(4);
  for (const [key, weight] of [
    ["a", 2],
    ["b", 3],
    ["c", 1000],
    ["d", 2000],
  ] as const)
    hit(sketch, key, { weight });
  const late = hit(sketch, "e", { weight: 500 });
  assert.equal(sketch.floor, 3);
  sketch.note(late, COLUMNS, 77);
  sketch.thin(new Coins(1));
  assert.equal(sketch.floor, 3);
  assert.equal(sketch.error(late), 3);
  assert.equal(sketch.counter(late, COLUMNS), 77);
  for (const key of ["c", "d", "e"]) assert.ok(entryOf(sketch, key) >= 0, key);
  assert.equal(sketch.size, 3);
});

test("commands are thinned like what they count: none grows, and all that is left is about half", () => {
  const sketch = makeSketch(4);
  const entry = hit(sketch, "k");
  for (let command = 1; command <= 4; command++) hit(sketch, "k", { weight: 1000 * command, command });
  sketch.thin(new Coins(99));
  for (let place = 0; place < 4; place++) {
    const before = 1000 * (place + 1);
    assert.equal(sketch.commandId(entry, place), place + 1);
    const after = sketch.commandCount(entry, place);
    assert.ok(Math.abs(after - before / 2) < 5 * Math.sqrt(before / 4), `${after} of ${before}`);
  }
});

test("thinning an empty summary, or again and again until nothing is left, harms nothing", () => {
  const sketch = makeSketch(4);
  const coins = new Coins(5);
  sketch.thin(coins);
  const entry = hit(sketch, "k", { weight: 9 });
  for (let i = 0; i < 200; i++) sketch.thin(coins);
  assert.equal(sketch.counted(entry), 0);
  assert.deepEqual(boundsOf(sketch, "k"), { lower: 0, upper: 0 });
  hit(sketch, "k");
  assert.equal(sketch.counted(entry), 1);
});

const step = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      key: fc.integer({ min: 0, max: 30 }),
      weight: fc.integer({ min: 1, max: 40 }),
      command: fc.integer({ min: 0, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant("thin" as const) },
);

test("whenever a stream is thinned, columns add up, nothing grows, and bounds are those of a sample", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400 }),
      fc.integer({ min: 2, max: 30 }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      (steps, capacity, seed) => {
        const sketch = makeSketch(capacity);
        const coins = new Coins(seed);
        /** Of each key's accesses at most so many are in any sample of it. */
        const most = new Map<string, number>();
        for (const next of steps) {
          if (next === "thin") thinChecked(sketch, coins);
          else {
            const { key, weight, command } = next;
            hit(sketch, `key:${key}`, { weight, column: key % COLUMNS, command });
            most.set(`key:${key}`, (most.get(`key:${key}`) ?? 0) + weight);
          }
        }
        for (let entry = 0; entry < sketch.size; entry++) {
          assert.equal(sketch.counted(entry), sketch.counter(entry, 0) + sketch.counter(entry, 1));
          assert.ok(sketch.error(entry) <= sketch.floor);
        }
        for (const [key, count] of most) {
          const { lower } = boundsOf(sketch, key);
          assert.ok(lower <= count, `${key}: ${lower} of ${count}`);
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** Thins, and sees that no count has grown and none has moved. */
function thinChecked(sketch: Sketch, coins: Coins): void {
  const entries = Array.from({ length: sketch.size }, (_, entry) => entry);
  const before = entries.map((entry) => [sketch.counter(entry, 0), sketch.counter(entry, 1)]);
  const errors = entries.map((entry) => sketch.error(entry));
  const { floor } = sketch;
  sketch.thin(coins);
  assert.equal(sketch.floor, floor);
  assert.deepEqual(
    entries.map((entry) => sketch.error(entry)),
    errors,
  );
  for (const entry of entries) {
    for (let column = 0; column < COLUMNS; column++) {
      const count = sketch.counter(entry, column);
      assert.ok(
        count >= 0 && count <= (before[entry]?.[column] ?? 0),
        `${count} of ${before[entry]?.[column]}`,
      );
    }
  }
}
