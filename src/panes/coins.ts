/**
 * Draws fair coins, 32 a step, from a generator of its own (xorshift32): millions a second, and no secret.
 *
 * Source: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003.
 */
export class Coins {
  #state: number;

  /** `seed`: not 0. */
  constructor(seed: number) {
    this.#state = seed | 0;
    if (this.#state === 0) throw new RangeError("the seed must not be 0");
  }

  /** 32 coins as the bits of an integer. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state;
  }

  /** How many of `count` coins (a whole number) come up heads: an exact binomial, in `count / 32` steps. */
  heads(count: number): number {
    let heads = 0;
    let left = count;
    for (; left >= 32; left -= 32) heads += ones(this.next());
    return left > 0 ? heads + ones(this.next() >>> (32 - left)) : heads;
  }
}

/** Number of bits that are set. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
