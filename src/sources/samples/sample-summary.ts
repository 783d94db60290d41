import type { KindCounts } from "../../model/access.ts";
import { nthSmallest } from "../../panes/nth-smallest.ts";
import type { ByteBudget } from "../../runtime/byte-budget.ts";
import { totalIn } from "./buckets.ts";
import { withName } from "./name-counts.ts";
import { clearCounts, namesOf, newRow, type SampleRow, weightOf } from "./sample-row.ts";

/** Measured: a row in its map with the first name of each kind, without its key. */
const ROW_BYTES = 400;
const NAME_BYTES = 48;
const SUMMARY_BYTES = 1024;

/** Sums of a part stay below what the windows take (2^36 accesses), however its counts are scaled. */
const COUNT_MAX = 2 ** 36;
const SCALED_COUNT_MAX = 2 ** 30;
const BYTES_PER_ACCESS_MAX = 1024;

/** The counts of one sample, as they are added. */
export interface Added {
  readonly db: number;
  readonly key: string;
  readonly reads: number;
  readonly writes: number;
  readonly misses: number;
  readonly absorbed: number;
  readonly bytes: number;
}

/**
 * What one target and pane has of one sampling probability: a summary in floor form.
 *
 * Error: a row has `count <= true <= count + error` of the kept accesses; a key without a row has at most `floor`. All is
 * exact until memory runs out. Source: SKETCH section 1.
 */
export class SampleSummary {
  readonly probability: number;
  floor = 0;
  /** Of all keys, since the last part: load, of the clients' view. */
  readonly total: KindCounts = { read: 0, write: 0, miss: 0 };
  /** Rows that left, of which the total still tells, by their key's bucket. */
  readonly goneTotals = new Map<number, KindCounts>();
  readonly #budget: ByteBudget;
  /** By key, those of database 0: nearly all. */
  #plain = new Map<string, SampleRow>();
  /** By database and key. */
  #others = new Map<string, SampleRow>();
  #bytes = SUMMARY_BYTES;

  constructor(probability: number, budget: ByteBudget) {
    this.probability = probability;
    this.#budget = budget;
    budget.take(SUMMARY_BYTES);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#plain.size + this.#others.size;
  }

  *rows(): Iterable<SampleRow> {
    yield* this.#plain.values();
    yield* this.#others.values();
  }

  find(db: number, key: string): SampleRow | undefined {
    return db === 0 ? this.#plain.get(key) : this.#others.get(`${db}:${key}`);
  }

  /** Memory that a sample may need, at most. */
  static bytesFor({ key }: Added, commands: Readonly<Record<string, number>> | null): number {
    let bytes = SUMMARY_BYTES + ROW_BYTES + key.length + NAME_BYTES;
    for (const name in commands) bytes += NAME_BYTES + 2 * name.length;
    return bytes;
  }

  /** `null`: the sums would grow past what a part may hold. */
  add(sample: Added): SampleRow | null {
    const { db, key, reads, writes, misses, absorbed, bytes } = sample;
    const row = this.find(db, key);
    const countMax = this.#countMax;
    const weight = (row ? weightOf(row) : this.floor) + reads + writes + absorbed;
    if (weight > countMax || this.total.read + reads > COUNT_MAX || this.total.write + writes > COUNT_MAX)
      return null;
    const counted = row ?? this.#enter(db, key);
    counted.reads += reads;
    counted.writes += writes;
    counted.misses += misses;
    counted.absorbed += absorbed;
    counted.bytes = Math.min(counted.bytes + bytes, countMax * BYTES_PER_ACCESS_MAX);
    this.total.read += reads;
    this.total.write += writes;
    this.total.miss += misses;
    return counted;
  }

  countCommand(row: SampleRow, id: number, count: number): void {
    const before = namesOf(row);
    row.commands = withName(row.commands, id, count);
    this.#charge((namesOf(row) - before) * NAME_BYTES);
  }

  countService(row: SampleRow, id: number, count: number): void {
    const before = namesOf(row);
    row.services = withName(row.services, id, count);
    this.#charge((namesOf(row) - before) * NAME_BYTES);
  }

  /** Empties the counts of a row: they have left as an early part. */
  clear(row: SampleRow): void {
    this.#charge(-namesOf(row) * NAME_BYTES);
    clearCounts(row);
  }

  /** Rows up to the median leave, and the floor rises to it. `bucketOf`: where their counts are told of. */
  purge(bucketOf: (key: string) => number): void {
    if (this.size === 0) return;
    const weights = Float64Array.from(this.rows(), weightOf);
    this.floor = Math.max(this.floor, nthSmallest(weights, (weights.length - 1) >> 1));
    const rows = [...this.rows()];
    this.#plain = new Map();
    this.#others = new Map();
    for (const row of rows) {
      if (weightOf(row) > this.floor) this.#put(row);
      else this.#leave(row, bucketOf(row.key));
    }
  }

  /** Gives its memory back. */
  dispose(): void {
    this.#charge(-this.#bytes);
    this.#plain.clear();
    this.#others.clear();
  }

  get #countMax(): number {
    return this.probability === 1 ? COUNT_MAX : SCALED_COUNT_MAX * this.probability;
  }

  #enter(db: number, key: string): SampleRow {
    const row = newRow(db, key, this.floor);
    this.#put(row);
    this.#charge(ROW_BYTES + key.length);
    return row;
  }

  #put(row: SampleRow): void {
    if (row.db === 0) this.#plain.set(row.key, row);
    else this.#others.set(`${row.db}:${row.key}`, row);
  }

  #leave(row: SampleRow, bucket: number): void {
    row.isGone = true;
    const total = totalIn(this.goneTotals, bucket);
    total.read += row.reads;
    total.write += row.writes;
    total.miss += row.misses;
    this.#charge(-(ROW_BYTES + row.key.length + namesOf(row) * NAME_BYTES));
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.take(bytes);
  }
}
