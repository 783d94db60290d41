import { seededRandom } from "./random.ts";

/** Draws ranks 0..n-1 with probability proportional to 1 / (rank + 1)^exponent, from a seeded generator. */
export class Zipf {
  readonly #cumulated: Float64Array;
  readonly #random: () => number;

  constructor(ranks: number, exponent: number, seed = 1) {
    this.#cumulated = new Float64Array(ranks);
    this.#random = seededRandom(seed);
    let sum = 0;
    for (let rank = 0; rank < ranks; rank++) {
      sum += 1 / (rank + 1) ** exponent;
      this.#cumulated[rank] = sum;
    }
  }

  next(): number {
    const wanted = this.#random() * (this.#cumulated.at(-1) ?? 0);
    let low = 0;
    let high = this.#cumulated.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#cumulated[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
