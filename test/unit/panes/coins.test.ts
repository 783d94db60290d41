import assert from "node:assert/strict";
import { test } from "node:test";
import { Coins } from "../../../src/panes/coins.ts";
import fc from "../../support/fast-check.ts";

/** Standard errors that a mean, or a variance, of so many draws may be off. */
const TOLERANCE = 4;
const DRAWS = 20_000;

/** A xorshift is mixed after a few steps, also from a small seed. */
function mixedCoins(seed: number): Coins {
  const coins = new Coins(seed);
  for (let i = 0; i < 20; i++) coins.next();
  return coins;
}

test("heads are binomial: half the count on average, a quarter of it the variance", () => {
  for (const count of [1, 7, 31, 32, 33, 64, 100, 1000]) {
    const coins = mixedCoins(count + 1);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < DRAWS; i++) {
      const deviation = coins.heads(count) - count / 2;
      sum += deviation;
      squares += deviation * deviation;
    }
    const mean = sum / DRAWS;
    const meanError = Math.sqrt(count / 4 / DRAWS);
    assert.ok(Math.abs(mean) < TOLERANCE * meanError, `mean of ${count}: ${count / 2} + ${mean}`);
    const variance = squares / DRAWS;
    // The fourth central moment of a binomial of p = 1/2 is (3n^2 - 2n) / 16.
    const varianceError = Math.sqrt(((3 * count * count - 2 * count) / 16 - (count / 4) ** 2) / DRAWS);
    assert.ok(
      Math.abs(variance - count / 4) <= TOLERANCE * varianceError + 1e-9,
      `variance of ${count}: ${variance}`,
    );
  }
});

test("each of the 32 coins of a step is fair, and neighbours are independent", () => {
  const coins = mixedCoins(3);
  const heads = new Array<number>(32).fill(0);
  const sameAsNext = new Array<number>(32).fill(0);
  for (let i = 0; i < DRAWS; i++) {
    const word = coins.next();
    const changes = word ^ (word >>> 1);
    for (let bit = 0; bit < 32; bit++) {
      heads[bit]! += (word >>> bit) & 1;
      sameAsNext[bit]! += 1 - ((changes >>> bit) & 1);
    }
  }
  const error = Math.sqrt(DRAWS / 4);
  for (let bit = 0; bit < 32; bit++) {
    assert.ok(Math.abs((heads[bit] ?? 0) - DRAWS / 2) < 5 * error, `coin ${bit}: ${heads[bit]}`);
    if (bit === 31) continue;
    assert.ok(Math.abs((sameAsNext[bit] ?? 0) - DRAWS / 2) < 5 * error, `coins ${bit}, ${bit + 1}`);
  }
});

test("there are never more heads than coins, none of none, and one seed gives one series", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 50 }),
      (seed, counts) => {
        const coins = new Coins(seed);
        const again = new Coins(seed);
        for (const count of counts) {
          const heads = coins.heads(count);
          assert.ok(Number.isInteger(heads) && heads >= 0 && heads <= count, `${heads} of ${count}`);
          assert.equal(again.heads(count), heads);
        }
        assert.equal(coins.heads(0), 0);
      },
    ),
  );
});

test("counts of many millions are tossed too, and no coin of theirs is left out", () => {
  const count = 40_000_001;
  const heads = mixedCoins(9).heads(count);
  assert.ok(Math.abs(heads - count / 2) < TOLERANCE * Math.sqrt(count / 4), String(heads));
});

test("a seed of 0, of which nothing but 0 would come, is refused", () => {
  assert.throws(() => new Coins(0), RangeError);
  assert.throws(() => new Coins(2 ** 32), RangeError);
  assert.throws(() => new Coins(0.5), RangeError);
});
