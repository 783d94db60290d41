import type { Clock } from "../runtime/clock.ts";
import type { CommandObserver, Tally } from "./observer.ts";

/** Up to so many commands a second are counted all. */
export const COUNTED_PER_SECOND = 5000;
/** And so many at once, before a rush makes the sampler thin out. */
const BURST = 1000;
/** And so many more after each halving. */
const BURST_AFTER_HALVING = 250;
/** The clock is read once for so many commands that are counted, where nobody else wants to know the time. */
const CHECK_EVERY = 16;
/** The least that a sampler thins out by itself: a key at 1,000/s is known within 2.65% after 10 s. */
export const PROBABILITY_MIN = 1 / 8;
/** Twice as many commands are counted only where this leaves room. */
const ROOM = 0.75;

export interface SamplerOptions<T extends Tally> {
  /** Of each command to be counted; always, or null: as the load allows. A power of two. */
  readonly fixed: number | null;
  readonly tallyOf: (probability: number) => T;
  readonly clock: Clock;
  /** Is told the monotonic time of each command that is counted. */
  readonly onTime: ((nowMs: number) => void) | null;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Chooses the commands that are counted, each independently of all others: what is skipped between two is drawn from the
 * geometric distribution, so no pattern in the commands can hide a key or favour it.
 *
 * Cost of a command that is not counted: a decrement and a comparison.
 */
export class Sampler<T extends Tally = Tally> implements CommandObserver {
  readonly #options: SamplerOptions<T>;
  readonly #random: () => number;
  #tally: T;
  /** 1 / ln(1 - p); 0 for p = 1. */
  #scale = 0;
  /** Commands up to the next one that is counted, itself included. */
  #left = 1;
  /** Commands that may still be counted at once. */
  #allowance = BURST;
  readonly #checkEvery: number;
  #toCheck: number;
  #refilledMs: number;
  /** Commands since `#settledMs`, those still skipped over included. */
  #commands = 0;
  #settledMs: number;

  constructor(options: SamplerOptions<T>) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#checkEvery = options.onTime === null ? CHECK_EVERY : 1;
    this.#toCheck = this.#checkEvery;
    this.#refilledMs = options.clock.monotonic();
    this.#settledMs = this.#refilledMs;
    this.#tally = options.tallyOf(1);
    this.#change(options.fixed ?? 1);
  }

  /** With which commands are counted now. */
  get probability(): number {
    return this.#tally.probability;
  }

  take(): T | null {
    if (--this.#left > 0) return null;
    return this.#sampled();
  }

  /** Counts nothing any more. */
  end(): void {
    this.#left = Number.POSITIVE_INFINITY;
  }

  /** Counts more again where the load since the last call allows: to be called about once a second. */
  settle(nowMs: number): void {
    const elapsedMs = nowMs - this.#settledMs;
    if (elapsedMs <= 0) return;
    const perSecond = (this.#commands * 1000) / elapsedMs;
    this.#settledMs = nowMs;
    this.#commands = 0;
    if (this.#options.fixed !== null) return;
    let { probability } = this;
    while (probability < 1 && 2 * probability * perSecond <= ROOM * COUNTED_PER_SECOND) probability *= 2;
    if (probability !== this.probability) this.#change(probability);
  }

  #sampled(): T {
    const tally = this.#tally;
    this.#skip();
    if (--this.#toCheck === 0) this.#check();
    return tally;
  }

  #skip(): void {
    // 1 - random() is in (0, 1], of which the logarithm is finite. As a 32-bit number it is cheap to count down.
    this.#left = this.#scale === 0 ? 1 : 1 + ((Math.log(1 - this.#random()) * this.#scale) | 0);
    this.#commands += this.#left;
  }

  /** When they come too fast for too long, half as many will be counted. */
  #check(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#toCheck = this.#checkEvery;
    this.#options.onTime?.(nowMs);
    if (this.#options.fixed !== null) return;
    const refill = ((nowMs - this.#refilledMs) * COUNTED_PER_SECOND) / 1000;
    this.#refilledMs = nowMs;
    this.#allowance = Math.min(BURST, this.#allowance + refill) - this.#checkEvery;
    if (this.#allowance >= 0 || this.probability <= PROBABILITY_MIN) return;
    this.#allowance = BURST_AFTER_HALVING;
    this.#change(this.probability / 2);
  }

  /** The next one is drawn anew: how many were skipped so far says nothing of when the next is due. */
  #change(probability: number): void {
    this.#tally = this.#options.tallyOf(probability);
    this.#scale = probability === 1 ? 0 : 1 / Math.log(1 - probability);
    this.#commands -= this.#left;
    this.#skip();
  }
}
