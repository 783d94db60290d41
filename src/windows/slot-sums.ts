import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";

/**
 * Sum, slot by slot, of what parts say of the slots that they speak of: their floors, or their number.
 *
 * A floor speaks only of the slots that its target covers, and its bucket: adding those of targets that never own a
 * key would inflate its upper bound. Kept as differences between neighbouring slots, so that adding and taking off a
 * value costs one step a range, and is exact.
 */
export class SlotSums {
  #everywhere = 0;
  #steps: Float64Array | null = null;
  #sums: Float64Array | null = null;

  /** Adds `value` (negative: takes it off) on `ranges`; `null`: on every slot. */
  add(value: number, ranges: readonly SlotRange[] | null): void {
    if (value === 0) return;
    if (ranges === null) {
      this.#everywhere += value;
      return;
    }
    this.#steps ??= new Float64Array(SLOT_COUNT + 1);
    for (const [first, last] of ranges) {
      this.#steps[first]! += value;
      this.#steps[last + 1]! -= value;
    }
    this.#sums = null;
  }

  at(slot: number): number {
    if (this.#steps === null) return this.#everywhere;
    this.#sums ??= sumsOf(this.#steps);
    return this.#everywhere + this.#sums[slot]!;
  }

  /** Of all slots. */
  get largest(): number {
    if (this.#steps === null) return this.#everywhere;
    this.#sums ??= sumsOf(this.#steps);
    return this.#everywhere + this.#sums.reduce((largest, sum) => Math.max(largest, sum), 0);
  }

  isZero(): boolean {
    return this.#everywhere === 0 && (this.#steps === null || this.#steps.every((step) => step === 0));
  }
}

function sumsOf(steps: Float64Array): Float64Array {
  const sums = new Float64Array(SLOT_COUNT);
  let sum = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    sum += steps[slot]!;
    sums[slot] = sum;
  }
  return sums;
}
