import { SlotSums } from "./slot-sums.ts";
import type { PartSampling } from "./stored-part.ts";

interface SizeClass {
  parts: number;
  readonly bySlot: SlotSums;
}

/**
 * How the sampled parts of a window were sampled, slot by slot.
 *
 * Parts are counted by how many accesses a kept one stands for, rounded up to a power of two (agents sample by powers
 * of two; for others the intervals get wider, never too narrow). So there are few classes, and each costs at most a
 * table by slot.
 */
export class SamplingTable {
  readonly #classes = new Map<number, SizeClass>();
  readonly #partlyWatched = new SlotSums();

  /** Adds (`sign` 1) or takes off (-1) a sampled part. */
  add({ probability, watchedShare, ranges }: PartSampling, sign: number): void {
    const inverse = 2 ** Math.ceil(Math.log2(1 / probability));
    let sizeClass = this.#classes.get(inverse);
    if (!sizeClass) {
      sizeClass = { parts: 0, bySlot: new SlotSums() };
      this.#classes.set(inverse, sizeClass);
    }
    sizeClass.parts += sign;
    sizeClass.bySlot.add(sign, ranges);
    if (sizeClass.parts === 0) this.#classes.delete(inverse);
    if (watchedShare < 1) this.#partlyWatched.add(sign, ranges);
  }

  /**
   * The most accesses that a kept one may stand for in a slot; 1: all were kept in what was watched; `null`: no sampled
   * part speaks of the slot.
   */
  inverseAt(slot: number): number | null {
    let largest: number | null = null;
    for (const [inverse, { bySlot }] of this.#classes) {
      if (inverse > (largest ?? 0) && bySlot.at(slot) > 0) largest = inverse;
    }
    return largest;
  }

  /** Whether all the time was watched for a slot, sampled or not. */
  isFullyWatched(slot: number): boolean {
    return this.#partlyWatched.at(slot) === 0;
  }

  isEmpty(): boolean {
    return this.#classes.size === 0 && this.#partlyWatched.isZero();
  }
}
