import { coversSlot, type SlotRange } from "../model/slot.ts";

/** Changes remembered; where a reshard makes more, the target counts as covering everything for a while. */
const CHANGES_MAX = 64;

interface Former {
  readonly slots: readonly SlotRange[] | null;
  /** It was the target's until then. */
  readonly untilMs: number;
}

/** The slots that a target covers, and those that it covered lately: a window reaches back over a migration. */
export class SlotHistory {
  #slots: readonly SlotRange[] | null;
  #former: Former[] = [];

  constructor(slots: readonly SlotRange[] | null) {
    this.#slots = slots;
  }

  get slots(): readonly SlotRange[] | null {
    return this.#slots;
  }

  /** Whether that is a change. */
  set(slots: readonly SlotRange[] | null, atMs: number): boolean {
    if (areSameSlots(this.#slots, slots)) return false;
    this.#former.push({ slots: this.#slots, untilMs: atMs });
    if (this.#former.length > CHANGES_MAX) this.#former = [{ slots: null, untilMs: atMs }];
    this.#slots = slots;
    return true;
  }

  /** Everything that the target has covered since `fromMs`; `null`: every slot. A slot may be named more than once. */
  since(fromMs: number): readonly SlotRange[] | null {
    const former = this.#former.filter(({ untilMs }) => untilMs > fromMs);
    if (former.length === 0) return this.#slots;
    let ranges: readonly SlotRange[] | null = this.#slots;
    for (const { slots } of former) ranges = ranges === null || slots === null ? null : [...ranges, ...slots];
    return ranges;
  }

  covers(slot: number): boolean {
    return coversSlot(this.#slots, slot);
  }

  /** Forgets what no window reaches any more. */
  prune(beforeMs: number): void {
    if (this.#former.length === 0) return;
    this.#former = this.#former.filter(({ untilMs }) => untilMs > beforeMs);
  }
}

function areSameSlots(a: readonly SlotRange[] | null, b: readonly SlotRange[] | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  return a.every(([first, last], index) => first === b[index]![0] && last === b[index]![1]);
}
