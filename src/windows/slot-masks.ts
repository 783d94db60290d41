import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";

/** Bits by slot, put together from what targets say of the slots that they cover. */
export class SlotMasks {
  /** What everyone who covers a slot says. */
  readonly #all = new SlotBits(0xff);
  /** What anyone who covers it says. */
  readonly #any = new SlotBits(0);

  add(all: number, any: number, ranges: readonly SlotRange[] | null): void {
    this.#all.and(all, ranges);
    this.#any.or(any, ranges);
  }

  /** 0xff where nobody covers the slot. */
  all(slot: number): number {
    return this.#all.at(slot);
  }

  any(slot: number): number {
    return this.#any.at(slot);
  }
}

class SlotBits {
  readonly #empty: number;
  #everywhere: number;
  #bySlot: Uint8Array | null = null;

  constructor(empty: number) {
    this.#empty = empty;
    this.#everywhere = empty;
  }

  and(bits: number, ranges: readonly SlotRange[] | null): void {
    if (bits === 0xff) return;
    if (ranges === null) this.#everywhere &= bits;
    else this.#each(ranges, (bySlot, slot) => (bySlot[slot]! &= bits));
  }

  or(bits: number, ranges: readonly SlotRange[] | null): void {
    if (bits === 0) return;
    if (ranges === null) this.#everywhere |= bits;
    else this.#each(ranges, (bySlot, slot) => (bySlot[slot]! |= bits));
  }

  at(slot: number): number {
    if (this.#bySlot === null) return this.#everywhere;
    const bits = this.#bySlot[slot]!;
    return this.#empty === 0 ? bits | this.#everywhere : bits & this.#everywhere;
  }

  #each(ranges: readonly SlotRange[], change: (bySlot: Uint8Array, slot: number) => void): void {
    this.#bySlot ??= new Uint8Array(SLOT_COUNT).fill(this.#empty);
    for (const [first, last] of ranges)
      for (let slot = first; slot <= last; slot++) change(this.#bySlot, slot);
  }
}
