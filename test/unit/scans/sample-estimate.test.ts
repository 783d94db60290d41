import assert from "node:assert/strict";
import { test } from "node:test";
import { estimateTotal } from "../../../src/scans/memory/sample-estimate.ts";
import { seededRandom } from "../../support/random.ts";

test("a total of keys that were all looked at is exact", () => {
  assert.deepEqual(estimateTotal({ keys: 3, looked: 3, bytes: 600, squares: 140_000 }), {
    bytes: 600,
    marginBytes: 0,
  });
});

test("a total has no upper bound where no key was looked at, or only one of several", () => {
  assert.deepEqual(estimateTotal({ keys: 3, looked: 0, bytes: 0, squares: 0 }), {
    bytes: 0,
    marginBytes: null,
  });
  assert.deepEqual(estimateTotal({ keys: 3, looked: 1, bytes: 100, squares: 10_000 }), {
    bytes: 300,
    marginBytes: null,
  });
});

for (const looked of [5, 30, 300]) {
  test(`the interval of a sample of ${looked} holds the true total in about 95% of the cases`, () => {
    const random = seededRandom(looked);
    const runs = 2000;
    let held = 0;
    for (let run = 0; run < runs; run++) held += holdsTruth(looked, random) ? 1 : 0;
    assert.ok(held > runs * 0.93 && held < runs * 0.97, `${held} of ${runs}`);
  });
}

/** Whether the estimate of 1,000 keys with 100 to 300 bytes each holds what they have. */
function holdsTruth(looked: number, random: () => number): boolean {
  const sizes = Array.from({ length: 1000 }, () => 100 + 200 * random());
  const sample = sizes.slice(0, looked);
  const { bytes, marginBytes } = estimateTotal({
    keys: sizes.length,
    looked,
    bytes: sum(sample),
    squares: sum(sample.map((size) => size ** 2)),
  });
  return Math.abs(bytes - sum(sizes)) <= (marginBytes ?? 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
