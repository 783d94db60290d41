import assert from "node:assert/strict";
import { test } from "node:test";
import { Coins } from "../../../../src/panes/coins.ts";
import { keptOf, rounded } from "../../../../src/sources/samples/binomial.ts";

/** Mean and variance of `runs` draws. */
function momentsOf(draw: () => number, runs: number) {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < runs; i++) {
    const value = draw();
    sum += value;
    squares += value * value;
  }
  const mean = sum / runs;
  return { mean, variance: squares / runs - mean * mean };
}

test("counts are thinned without a bias, with a binomial's variance", () => {
  const coins = new Coins(4711);
  for (const [count, share] of [
    [1, 0.75],
    [7, 0.5000001],
    [100, 0.9],
    [4096, 0.6],
    [4097, 0.6],
    [2 ** 31, 0.8],
  ] as const) {
    const runs = count > 1000 ? 20_000 : 100_000;
    const { mean, variance } = momentsOf(() => keptOf(count, share, coins), runs);
    const expected = count * share * (1 - share);
    const error = Math.sqrt(expected / runs);
    assert.ok(Math.abs(mean - count * share) < 4.5 * error, `${count} x ${share}: ${mean}`);
    assert.ok(
      Math.abs(variance / expected - 1) < 0.05,
      `${count} x ${share}: variance ${variance} of ${expected}`,
    );
  }
});

test("what is kept is a whole number within the count, and all of it where nothing is thinned", () => {
  const coins = new Coins(1);
  for (const count of [0, 1, 5, 4097, 2 ** 31]) {
    assert.equal(keptOf(count, 1, coins), count);
    for (let i = 0; i < 200; i++) {
      const kept = keptOf(count, 0.51, coins);
      assert.ok(Number.isInteger(kept) && kept >= 0 && kept <= count);
    }
  }
});

test("fractions are rounded at random, so that the mean stays", () => {
  const coins = new Coins(99);
  const { mean } = momentsOf(() => rounded(2.25, coins), 100_000);
  assert.ok(Math.abs(mean - 2.25) < 0.01);
});
