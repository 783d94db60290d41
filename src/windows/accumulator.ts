import { CellPages } from "./cell-pages.ts";
import type { ClientRows } from "./client-rows.ts";
import { COLUMN_COUNT, EXCESS, MAYBE, overlapColumn } from "./columns.ts";
import { ScaledSums } from "./scaled-sums.ts";
import { SlotSums } from "./slot-sums.ts";
import type { StoredPart } from "./stored-part.ts";

/**
 * Linear sums of the parts of one vantage in one window: `lower = L`, `upper = L + M + EXCESS + floors of its slot`.
 *
 * Integers only, so what was added is taken off again without a trace. Source: SKETCH section 2 (merge in floor form).
 */
export class Accumulator {
  readonly cells = new CellPages(COLUMN_COUNT);
  readonly floors = new SlotSums();
  readonly #bytes = new Map<number, number>();
  readonly #absorbed = new Map<number, number>();
  #load = 0;
  /** What scaling adds to the raw counts; `null`: no part in it was ever sampled. */
  #scaled: ScaledSums | null = null;

  get scaled(): ScaledSums | null {
    return this.#scaled;
  }

  /** Accesses over all keys, of the parts that lie in the window as a whole, scaled. */
  get load(): number {
    return this.#load;
  }

  /** Adds (`sign` 1) or takes off (-1) a part that lies in the window as a whole. */
  addWhole(part: StoredPart, sign: number): void {
    part.columns.forEach((column, index) => {
      this.#addColumn(part, index + 1, column, sign);
    });
    this.#load += sign * part.load;
    if (part.clients !== null) {
      addRows(this.#bytes, part.clients, part.clients.bytes, sign);
      addRows(this.#absorbed, part.clients, part.clients.absorbed, sign);
    }
    this.#addRest(part, sign, true);
  }

  /** The same for a part that only overlaps the window. */
  addPartial(part: StoredPart, sign: number): void {
    part.columns.forEach((column, index) => {
      const counted = overlapColumn(column);
      if (counted !== null) this.#addColumn(part, index + 1, counted, sign);
    });
    this.#addRest(part, sign, false);
  }

  /** Of requests and replies, as clients tell them of a key that they name. */
  bytes(handle: number): number {
    return this.#bytes.get(handle) ?? 0;
  }

  /** Reads that the clients' own caches answered, as they tell them of a key that they name. */
  absorbed(handle: number): number {
    return this.#absorbed.get(handle) ?? 0;
  }

  /** What the upper bound of a held key stands above its lower bound. */
  slack(handle: number, slot: number): number {
    return this.cells.get(handle, MAYBE) + this.cells.get(handle, EXCESS) + this.floors.at(slot);
  }

  /** Whether nothing was ever added. */
  get isUnused(): boolean {
    return this.cells.isEmpty && this.floors.isZero();
  }

  isZero(): boolean {
    return (
      this.#bytes.size === 0 &&
      this.#absorbed.size === 0 &&
      this.cells.isZero() &&
      this.floors.isZero() &&
      (this.#scaled === null || this.#scaled.isZero())
    );
  }

  /** Gives the memory of the cells back: only while no part names a key. */
  clearCells(): void {
    this.cells.clear();
    this.#scaled?.clearCells();
  }

  #addRest(part: StoredPart, sign: number, isWhole: boolean): void {
    this.floors.add(sign * part.floor, part.floorRanges);
    if (part.sampling === null) return;
    this.#scaled ??= new ScaledSums();
    this.#scaled.add(part, part.sampling, sign, isWhole);
  }

  #addColumn(part: StoredPart, index: number, column: number, sign: number): void {
    const { data, length } = part;
    const { cells } = this;
    const start = index * length;
    for (let i = 0; i < length; i++) {
      const handle = data[i]!;
      cells.page(handle)[cells.offset(handle) + column]! += sign * data[start + i]!;
    }
  }
}

function addRows(
  sums: Map<number, number>,
  { services }: ClientRows,
  values: Float64Array,
  sign: number,
): void {
  services.handles.forEach((handle, row) => {
    const sum = (sums.get(handle) ?? 0) + sign * Math.round(values[row]!);
    if (sum === 0) sums.delete(handle);
    else sums.set(handle, sum);
  });
}
