import type { KindCounts } from "../model/access.ts";
import { CellPages } from "./cell-pages.ts";
import { COLUMN_COUNT, EXCESS, MAYBE, MISS, overlapColumn, READ, WRITE } from "./columns.ts";
import { SamplingTable } from "./sampling-table.ts";
import { SlotSums } from "./slot-sums.ts";
import type { PartSampling, StoredPart } from "./stored-part.ts";

/** Scaled counts are summed in such fractions of an access, as integers: 1/0.7 of one would else be 1. */
export const SCALED_UNITS = 64;

/** What scaling adds to a key's raw counts, and to what its upper bound stands above them. */
export interface Extra {
  readonly counts: KindCounts;
  readonly slack: number;
}

/** Scaled counts of one key, as what they stand above its raw ones. */
export interface ScaledView {
  /** The most accesses that a kept one may stand for; 1: all were kept in what was watched. */
  readonly inverse: number;
  readonly isFullyWatched: boolean;
  /** Accesses in watched time that were not kept: what `1 / probability` adds. */
  readonly unkept: Extra;
  /** Accesses in time that was not watched on purpose, were it like the rest: what `1 / watchedShare` adds. */
  readonly unwatched: Extra;
}

/**
 * What the sampled parts of one vantage in one window add to its raw sums when they are scaled.
 *
 * Each value is rounded by itself to a multiple of 1/64, the same when it is added and when it is taken off, so nothing
 * is left behind; what raises upper bounds is rounded up. Source: SKETCH section 3.
 */
export class ScaledSums {
  readonly #table = new SamplingTable();
  readonly #unkept = new ExtraSums();
  readonly #unwatched = new ExtraSums();

  /** Adds (`sign` 1) or takes off (-1) a sampled part that lies in the window as a whole, or only overlaps it. */
  add(part: StoredPart, sampling: PartSampling, sign: number, isWhole: boolean): void {
    const { probability, watchedShare } = sampling;
    this.#table.add(sampling, sign);
    if (probability < 1) this.#unkept.add(part, (1 - probability) / probability, sign, isWhole);
    if (watchedShare < 1) {
      this.#unwatched.add(part, (1 - watchedShare) / (probability * watchedShare), sign, isWhole);
    }
  }

  /** `null`: of what may hold the key nothing was sampled. */
  view(handle: number, slot: number): ScaledView | null {
    const inverse = this.#table.inverseAt(slot);
    if (inverse === null) return null;
    return {
      inverse,
      isFullyWatched: this.#table.isFullyWatched(slot),
      unkept: this.#unkept.of(handle, slot),
      unwatched: this.#unwatched.of(handle, slot),
    };
  }

  /** What scaling to `1 / probability` adds to a count of a key. */
  unkept(handle: number, column: number): number {
    return this.#unkept.count(handle, column);
  }

  /** What all scaling adds to a count of a key. */
  extra(handle: number, column: number): number {
    return this.#unkept.count(handle, column) + this.#unwatched.count(handle, column);
  }

  /** What all scaling adds to what the upper bound of a key stands above its lower. */
  extraSlack(handle: number, slot: number): number {
    return this.#unkept.slack(handle, slot) + this.#unwatched.slack(handle, slot);
  }

  /** What all scaling adds to the upper bound of a key that no part names, in the slot where that is most. */
  get largestFloor(): number {
    return this.#unkept.largestFloor + this.#unwatched.largestFloor;
  }

  /** Gives the memory of the cells back: only while no part names a key. */
  clearCells(): void {
    this.#unkept.clearCells();
    this.#unwatched.clearCells();
  }

  isZero(): boolean {
    return this.#table.isEmpty() && this.#unkept.isZero() && this.#unwatched.isZero();
  }
}

/** Sums of `factor` times what parts hold, in units of 1/64. */
class ExtraSums {
  readonly #cells = new CellPages(COLUMN_COUNT);
  readonly #floors = new SlotSums();

  add(part: StoredPart, factor: number, sign: number, isWhole: boolean): void {
    const unitFactor = factor * SCALED_UNITS;
    part.columns.forEach((column, index) => {
      const counted = isWhole ? column : overlapColumn(column);
      if (counted !== null) this.#addColumn(part, index + 1, counted, unitFactor, sign);
    });
    this.#floors.add(sign * Math.ceil(part.floor * unitFactor), part.floorRanges);
  }

  of(handle: number, slot: number): Extra {
    const counts = {
      read: this.count(handle, READ),
      write: this.count(handle, WRITE),
      miss: this.count(handle, MISS),
    };
    return { counts, slack: this.slack(handle, slot) };
  }

  count(handle: number, column: number): number {
    return this.#cells.get(handle, column) / SCALED_UNITS;
  }

  slack(handle: number, slot: number): number {
    const own = this.#cells.get(handle, MAYBE) + this.#cells.get(handle, EXCESS);
    return (own + this.#floors.at(slot)) / SCALED_UNITS;
  }

  get largestFloor(): number {
    return this.#floors.largest / SCALED_UNITS;
  }

  clearCells(): void {
    this.#cells.clear();
  }

  isZero(): boolean {
    return this.#cells.isZero() && this.#floors.isZero();
  }

  #addColumn(part: StoredPart, index: number, column: number, unitFactor: number, sign: number): void {
    const { data, length } = part;
    const start = index * length;
    const round = column === MAYBE || column === EXCESS ? Math.ceil : Math.round;
    for (let i = 0; i < length; i++) {
      const handle = data[i]!;
      const page = this.#cells.page(handle);
      page[this.#cells.offset(handle) + column]! += sign * round(data[start + i]! * unitFactor);
    }
  }
}
