/** One bit a fact about a hop of a target. */
export const DELIVERED = 8;
/** Nothing of it was sampled, and all the time was watched. */
export const UNSAMPLED = 16;
/** It says that nothing went unseen but by sampling. Unsampled as well, it is complete. */
export const UNBROKEN = 32;
// The bits below them are the kinds that it sees.

/** What came of a target and vantage, hop by hop, for as long as a window reaches back. */
export class DeliveryRing {
  readonly #hopMs: number;
  readonly #flags: Uint8Array;
  /** Which hop a place speaks of, as a multiple of the hop. */
  readonly #hops: Float64Array;

  constructor(hopMs: number, reachMs: number) {
    this.#hopMs = hopMs;
    const length = Math.ceil(reachMs / hopMs);
    this.#flags = new Uint8Array(length);
    this.#hops = new Float64Array(length).fill(-1);
  }

  /** Whether that is a change. Of two hops on one place the younger one stays. */
  set(startMs: number, flags: number): boolean {
    const hop = startMs / this.#hopMs;
    const place = hop % this.#flags.length;
    if (this.#hops[place]! > hop) return false;
    const before = this.#hops[place] === hop ? this.#flags[place]! : 0;
    this.#hops[place] = hop;
    this.#flags[place] = flags;
    return before !== flags;
  }

  at(startMs: number): number {
    const hop = startMs / this.#hopMs;
    const place = hop % this.#flags.length;
    return this.#hops[place] === hop ? this.#flags[place]! : 0;
  }

  /** What holds for each hop that overlaps `[fromMs, toMs)`: the flags of all, by AND; the newest is asked first. */
  all(fromMs: number, toMs: number): number {
    let flags = 0xff;
    for (
      let startMs = toMs - this.#hopMs;
      startMs > fromMs - this.#hopMs && flags !== 0;
      startMs -= this.#hopMs
    ) {
      flags &= this.at(startMs);
    }
    return flags;
  }
}
