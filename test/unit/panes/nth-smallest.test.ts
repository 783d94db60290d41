import assert from "node:assert/strict";
import { test } from "node:test";
import { nthSmallest } from "../../../src/panes/nth-smallest.ts";
import fc from "../../support/fast-check.ts";
import { seededRandom } from "../../support/random.ts";

function assertAsSorted(values: readonly number[], rank: number): void {
  const sorted = Float64Array.from(values).sort();
  const reordered = Float64Array.from(values);
  assert.equal(nthSmallest(reordered, rank), sorted[rank]);
  assert.deepEqual(reordered.sort(), sorted, "nothing is lost, nothing is made up");
}

test("it is what sorting gives, at every rank, of values many of which are the same", () => {
  const value = fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: -1000, max: 1000 }),
    fc.double({ noNaN: true }).map((double) => double + 0),
    fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 80 }), fc.nat(), (values, number) => {
      assertAsSorted(
        // Sorting tells 0 from -0, comparing does not.
        values.map((v) => (v === 0 ? 0 : v)),
        number % values.length,
      );
    }),
    { numRuns: 1000 },
  );
});

test("values that are sorted, reversed, all the same, or the same but for one", () => {
  const sorted = Array.from({ length: 257 }, (_, i) => i);
  const same = sorted.map(() => 4);
  for (const values of [sorted, sorted.toReversed(), same, [...same, 5], [3, ...same], [1], [2, 1]]) {
    for (let rank = 0; rank < values.length; rank++) assertAsSorted(values, rank);
  }
});

test("it is exact among a hundred thousand values too", () => {
  const random = seededRandom(1);
  const shuffled = Array.from({ length: 100_000 }, random);
  for (const values of [shuffled, shuffled.map((value) => Math.floor(8 * value))]) {
    const sorted = Float64Array.from(values).sort();
    for (const rank of [0, 49_999, 99_999]) {
      assert.equal(nthSmallest(Float64Array.from(values), rank), sorted[rank]);
    }
  }
});
