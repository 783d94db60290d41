import assert from "node:assert/strict";
import { test } from "node:test";
import { type Reading, readingOf, type VantageView } from "../../../src/windows/reading.ts";
import { kindBits } from "../../../src/windows/vantage.ts";

const SEES = kindBits(["write", "miss"]);
const NOTHING = { counts: { read: 0, write: 0, miss: 0 }, slack: 0 };

function view(fields: Partial<VantageView>): VantageView {
  const base = { vantage: "server-events", lower: NOTHING.counts, slack: 0, scaled: null } as const;
  return { ...base, sees: SEES, complete: 0, unbroken: SEES, isReporting: true, ...fields };
}

/** What is said of a key of whose writes `kept` were kept, each with `probability`. */
function sampled(kept: number, probability: number): Reading {
  const inverse = 1 / probability;
  const unkept = { counts: { read: 0, write: kept * (inverse - 1), miss: 0 }, slack: 0 };
  const scaled = { inverse, isFullyWatched: true, unkept, unwatched: NOTHING };
  return readingOf(view({ lower: { read: 0, write: kept, miss: 0 }, scaled }), ["write"]);
}

/** Probabilities that `kept` of `count` accesses are kept, from 0 on, as far as they matter. */
function* keptDistribution(count: number, probability: number): Iterable<[kept: number, chance: number]> {
  let logChance = count * Math.log(1 - probability);
  const end = Math.min(count, count * probability + 12 * Math.sqrt(count * probability) + 50);
  for (let kept = 0; kept <= end; kept++) {
    yield [kept, Math.exp(logChance)];
    logChance += Math.log((count - kept) / (kept + 1)) + Math.log(probability / (1 - probability));
  }
}

test("the likely interval misses the truth in at most 0.4% of the cases, whatever the count and the sampling", () => {
  for (const probability of [0.5, 0.3, 1 / 8, 1 / 64, 1 / 1024]) {
    for (let expected = 0.02; expected < 3000; expected = expected * 1.05 + 0.01) {
      const truth = Math.max(1, Math.round(expected / probability));
      let missed = 0;
      for (const [kept, chance] of keptDistribution(truth, probability)) {
        const { firing, likelyUpper } = sampled(kept, probability);
        if (firing > truth || likelyUpper < truth) missed += chance;
      }
      assert.ok(missed <= 0.004, `${missed} of the intervals miss ${truth} at ${probability}`);
    }
  }
});

test("the likely interval stands around the scaled count, and gets narrow as more is kept", () => {
  const { lower, firing, scaledLower, likelyUpper } = sampled(10_000, 1 / 8);
  assert.deepEqual([lower, scaledLower], [10_000, 80_000]);
  assert.ok(firing > 77_500 && firing < 78_000, `${firing}`);
  assert.ok(likelyUpper > 82_000 && likelyUpper < 82_500, `${likelyUpper}`);
});

test("of a key of which nothing was kept, something may have happened", () => {
  assert.deepEqual([sampled(0, 1 / 8).firing, sampled(0, 1 / 8).likelyUpper], [0, 63]);
});

test("a likely lower bound is never below what was surely seen, however thinly something else was sampled", () => {
  for (const inverse of [2, 64, 2 ** 20]) {
    // Kept with 1/2, while the window also has parts that were sampled more thinly.
    const unkept = { counts: { read: 0, write: 50, miss: 0 }, slack: 0 };
    const scaled = { inverse, isFullyWatched: true, unkept, unwatched: NOTHING };
    const { firing } = readingOf(view({ lower: { read: 0, write: 50, miss: 0 }, scaled }), ["write"]);
    assert.ok(firing >= 50 && firing <= sampled(50, 0.5).firing, `${firing} at 1/${inverse}`);
  }
});

test("where nothing was sampled, the bounds are what is likely too", () => {
  const { lower, upper, firing, likelyUpper, atMost, scaledLower, scaledUpper } = readingOf(
    view({ lower: { read: 3, write: 20, miss: 3 }, slack: 4 }),
    ["read", "write"],
  );
  assert.deepEqual([lower, firing, scaledLower], [23, 23, 23]);
  assert.deepEqual([upper, likelyUpper, atMost, scaledUpper], [27, 27, 27, 27]);
});

test("time that was not watched counts in the estimate and in what is at most so, and makes nothing likely", () => {
  const unwatched = { counts: { read: 0, write: 300, miss: 0 }, slack: 12 };
  const scaled = { inverse: 1, isFullyWatched: false, unkept: NOTHING, unwatched };
  const reading = readingOf(view({ lower: { read: 0, write: 100, miss: 0 }, slack: 4, scaled }), ["write"]);
  assert.deepEqual([reading.lower, reading.firing, reading.likelyUpper], [100, 100, 104]);
  assert.deepEqual([reading.scaledLower, reading.scaledUpper, reading.atMost], [400, 416, 416]);
});
