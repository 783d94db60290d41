import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateTotal } from "../../../src/scans/memory/sample-estimate.ts";
import { seededRandom } from "../../support/random.ts";

test("a total of keys that were all looked at is exact", () => {
  assert.deepEqual(estimateOf([100, 200, 300], 3), { bytes: 600, margin: { below: 0, above: 0 } });
});

test("a total has no upper bound where no key was looked at, or only one of several", () => {
  assert.deepEqual(estimateOf([], 3), { bytes: 0, margin: null });
  assert.deepEqual(estimateOf([100], 3), { bytes: 300, margin: null });
});

test("an interval is that of Student where sizes are even, and reaches further up where few are large", () => {
  const even = marginOf([100, 200, 300]);
  assert.ok(Math.abs(even.above - even.below) < 1e-6 * even.above, `${even.below} ${even.above}`);
  const skewed = marginOf([100, 100, 100, 100, 900]);
  assert.ok(skewed.above > 2 * skewed.below, `${skewed.below} ${skewed.above}`);
  const reversed = marginOf([900, 900, 900, 900, 100]);
  assert.ok(reversed.below > 2 * reversed.above, `${reversed.below} ${reversed.above}`);
});

test("sizes that are all the same or nearly so give an interval of numbers, however large they are", () => {
  for (const sizes of [Array(1000).fill(5e8), [...Array(999).fill(5e8), 5e8 + 1], [7, 7], [0, 0, 0]]) {
    const { below, above } = marginOf(sizes);
    assert.ok(below >= 0 && above >= 0 && Number.isFinite(below + above), `${below} ${above}`);
  }
});

for (const looked of [5, 30, 300]) {
  test(`the interval of a sample of ${looked} holds the true total in about 95% of the cases`, () => {
    const share = shareHeld(looked, (random) => 100 + 200 * random());
    assert.ok(share > 0.93 && share < 0.98, `${share}`);
  });
}

// What the interval of Student holds: 88% and 74%.
for (const [spread, least] of [
  [1, 0.91],
  [2, 0.83],
] as const) {
  test(`the interval of a sample of 100 holds ${least * 100}% where sizes differ by e to the ${spread} times a normal`, () => {
    const share = shareHeld(100, (random) => 100 * Math.exp(spread * normal(random)));
    assert.ok(share > least && share < 0.98, `${share}`);
  });
}

/** In which share of samples the estimate of 1,000 keys holds what they have. */
function shareHeld(looked: number, sizeOf: (random: () => number) => number): number {
  const random = seededRandom(looked);
  const runs = 2000;
  let held = 0;
  for (let run = 0; run < runs; run++) {
    const sizes = Array.from({ length: 1000 }, () => sizeOf(random));
    const { bytes, margin } = estimateOf(sizes.slice(0, looked), sizes.length);
    const missing = sum(sizes) - bytes;
    if (margin !== null && missing <= margin.above && -missing <= margin.below) held++;
  }
  return held / runs;
}

function estimateOf(sample: readonly number[], keys: number) {
  return estimateTotal({
    keys,
    looked: sample.length,
    bytes: sum(sample),
    squares: sum(sample.map((size) => size ** 2)),
    cubes: sum(sample.map((size) => size ** 3)),
  });
}

/** Of a sample of 100,000 keys. */
function marginOf(sample: readonly number[]) {
  const { margin } = estimateOf(sample, 100_000);
  assert.ok(margin !== null);
  return margin;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
