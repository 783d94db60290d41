import type { Coins } from "../../panes/coins.ts";

/** Beyond it a normal distribution stands for the binomial one. */
const EXACT_MAX = 4096;
const WORD = 2 ** 32;

/**
 * How many of `count` accesses (a whole number) are kept, each with the probability `share` in [0, 1].
 *
 * Unbiased: its mean is `count * share`. Up to 4,096 an exact binomial, beyond it a normal one, rounded at random. Cost:
 * O(count / 32) up to there, O(1) beyond.
 */
export function keptOf(count: number, share: number, coins: Coins): number {
  if (count === 0 || share >= 1) return count;
  if (count > EXACT_MAX) return normal(count, share, coins);
  // Each access draws a number bit by bit and is kept where it lies below the share; half are decided by each bit.
  let kept = 0;
  let undecided = count;
  let rest = share;
  while (undecided > 0 && rest > 0) {
    rest *= 2;
    const ones = coins.heads(undecided);
    if (rest >= 1) {
      rest -= 1;
      kept += undecided - ones;
      undecided = ones;
    } else undecided -= ones;
  }
  return kept;
}

function normal(count: number, share: number, coins: Coins): number {
  const deviation = Math.sqrt(count * share * (1 - share)) * standardNormal(coins);
  return Math.max(0, Math.min(count, rounded(count * share + deviation, coins)));
}

/** One of the two whole numbers around `value`, so that its mean is `value`. */
export function rounded(value: number, coins: Coins): number {
  return Math.floor(value + uniform(coins));
}

/** Source: Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958. */
function standardNormal(coins: Coins): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(coins))) * Math.cos(2 * Math.PI * uniform(coins));
}

/** In [0, 1). */
export function uniform(coins: Coins): number {
  return (coins.next() >>> 0) / WORD;
}
