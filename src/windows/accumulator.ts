import { CellPages } from "./cell-pages.ts";
import { FloorSums } from "./floor-sums.ts";
import type { StoredPart } from "./stored-part.ts";

/** Columns of a cell, and of the entries of a stored part. */
export const READ = 0;
export const WRITE = 1;
export const MISS = 2;
export const MAYBE = 3;
/** Sum of `errors - floor` over the parts that hold the key: with the floors of all parts it gives what absent parts add. */
export const EXCESS = 4;
export const COLUMN_COUNT = 5;

/**
 * Linear sums of the parts of one vantage in one window: `lower = L`, `upper = L + M + EXCESS + floors of its slot`.
 *
 * Integers only, so what was added is taken off again without a trace. Source: SKETCH section 2 (merge in floor form).
 */
export class Accumulator {
  readonly cells = new CellPages(COLUMN_COUNT);
  readonly floors = new FloorSums();

  /** Adds (`sign` 1) or takes off (-1) a part that lies in the window as a whole. */
  addWhole(part: StoredPart, sign: number): void {
    part.columns.forEach((column, index) => {
      this.#addColumn(part, index + 1, column, sign);
    });
    this.floors.add(sign * part.floor, part.floorRanges);
  }

  /**
   * The same for a part that only overlaps the window: its accesses may all lie outside, or all inside, so they
   * raise the upper bound alone.
   */
  addPartial(part: StoredPart, sign: number): void {
    part.columns.forEach((column, index) => {
      // A miss is a read too: the read column has it already.
      if (column !== MISS) this.#addColumn(part, index + 1, column === EXCESS ? EXCESS : MAYBE, sign);
    });
    this.floors.add(sign * part.floor, part.floorRanges);
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
    return this.cells.isZero() && this.floors.isZero();
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
