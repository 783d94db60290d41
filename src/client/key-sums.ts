import { nthSmallest } from "../panes/nth-smallest.ts";
import { type KeyText, keyTextOf } from "./key-text.ts";
import type { TallyRow } from "./tally-row.ts";

/** Accesses of one key, scaled to what sampling left out; misses are among the reads. */
export interface KeySum extends KeyText {
  readonly db: number;
  reads: number;
  writes: number;
  misses: number;
  absorbed: number;
}

/** Sums by database and key, whatever the place and the probability. */
export class KeySums {
  readonly #tables = new Map<string, Map<string, KeySum>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  *all(): Iterable<KeySum> {
    for (const table of this.#tables.values()) yield* table.values();
  }

  addRow(row: TallyRow, probability: number): void {
    const { key, keyEncoding } = keyTextOf(row);
    const sum = this.#enter(row.place.db, key, keyEncoding);
    sum.reads += row.reads / probability;
    sum.writes += row.writes / probability;
    sum.misses += row.misses / probability;
    sum.absorbed += row.absorbed / probability;
  }

  add({ db, key, keyEncoding, reads, writes, misses, absorbed }: KeySum): void {
    const sum = this.#enter(db, key, keyEncoding);
    sum.reads += reads;
    sum.writes += writes;
    sum.misses += misses;
    sum.absorbed += absorbed;
  }

  /** The `max` largest; all, where there are no more. */
  largest(max: number): KeySum[] {
    const all = [...this.all()];
    if (all.length <= max) return all;
    if (!(max >= 1)) return [];
    const weights = Float64Array.from(all, weightOf);
    const least = nthSmallest(weights, weights.length - max);
    const above = all.filter((sum) => weightOf(sum) > least);
    const equal = all.filter((sum) => weightOf(sum) === least);
    return [...above, ...equal.slice(0, max - above.length)];
  }

  #enter(db: number, key: string, keyEncoding: KeySum["keyEncoding"]): KeySum {
    const table = this.#table(`${keyEncoding}${db}`);
    let sum = table.get(key);
    if (sum === undefined) {
      sum = { db, key, keyEncoding, reads: 0, writes: 0, misses: 0, absorbed: 0 };
      table.set(key, sum);
      this.#size++;
    }
    return sum;
  }

  #table(name: string): Map<string, KeySum> {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(name, table);
    }
    return table;
  }
}

/** Demand: what reached the server and what was absorbed. */
export function weightOf({ reads, writes, absorbed }: KeySum): number {
  return reads + writes + absorbed;
}

export function loadOf({ reads, writes }: Pick<KeySum, "reads" | "writes">): number {
  return reads + writes;
}
