import { nthSmallest } from "../panes/nth-smallest.ts";
import { type KeySum, KeySums, loadOf, weightOf } from "./key-sums.ts";
import type { TallyRow } from "./tally-row.ts";

const OVER_MS = 10_000;
/** Kept of a second: its largest keys. */
const KEYS_PER_SECOND_MAX = 512;
/** And together at most so many characters of them. */
const KEY_CHARACTERS_MAX = 128 * 1024;
/** Rows of at least so many accesses a second are always summed: together they may be of a key that is remembered. */
const RATE_REMEMBERED = 25;
/** Rates right after the start are taken over at least so long. */
const SPAN_MS_MIN = 1000;

/** How often a key was accessed lately, by what this process saw: sampled counts are scaled. */
export interface KeyCount {
  /** Text; base64 where its bytes are not valid UTF-8. */
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
  readonly db: number;
  /** `total` = read + write. A `miss` is a read that found nothing. */
  readonly ratePerSecond: {
    readonly read: number;
    readonly write: number;
    readonly miss: number;
    readonly total: number;
  };
  /** Reads that the app's own cache answered: in none of the other rates. */
  readonly absorbedPerSecond: number;
}

/** Rows of one probability. */
export interface CountedRows {
  readonly probability: number;
  readonly rows: readonly TallyRow[];
}

interface Second {
  readonly startMs: number;
  readonly endMs: number;
  readonly sums: readonly KeySum[];
}

/**
 * The largest keys of each of the last ten seconds.
 *
 * Error: a key that was not among the 512 largest in some of the seconds is told with a lower rate. Times are monotonic.
 */
export class RecentHeat {
  readonly #sinceMs: number;
  #seconds: Second[] = [];
  #open = new KeySums();

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** Takes in what has left the tallies in the second that is open: what is small beside the rest is not looked at. */
  add(counted: readonly CountedRows[]): void {
    const least = Math.min(RATE_REMEMBERED, leastOfLargest(counted));
    for (const { probability, rows } of counted) {
      for (const row of rows) if (row.weight >= least * probability) this.#open.addRow(row, probability);
    }
  }

  /** Ends the open second. Returns the sums of its keys. */
  closeSecond(startMs: number, endMs: number): KeySums {
    const closed = this.#open;
    this.#open = new KeySums();
    if (closed.size > 0) this.#seconds.push({ startMs, endMs, sums: bounded(closed) });
    this.#forget(endMs);
    return closed;
  }

  /** The `limit` keys with the highest demand over about the last 10 s, `pending` included. */
  top(limit: number, pending: Iterable<CountedRows>, nowMs: number): KeyCount[] {
    this.#forget(nowMs);
    const sums = new KeySums();
    for (const second of this.#seconds) for (const sum of second.sums) sums.add(sum);
    for (const sum of this.#open.all()) sums.add(sum);
    for (const { probability, rows } of pending) for (const row of rows) sums.addRow(row, probability);
    const fromMs = Math.min(this.#seconds[0]?.startMs ?? nowMs, nowMs - OVER_MS);
    const spanMs = Math.max(SPAN_MS_MIN, nowMs - Math.max(fromMs, this.#sinceMs));
    return sums
      .largest(Math.floor(limit))
      .sort((one, other) => weightOf(other) - weightOf(one))
      .map((sum) => countOf(sum, spanMs / 1000));
  }

  clear(): void {
    this.#seconds = [];
    this.#open = new KeySums();
  }

  #forget(nowMs: number): void {
    this.#seconds = this.#seconds.filter(({ endMs }) => endMs > nowMs - OVER_MS);
  }
}

function countOf(sum: KeySum, seconds: number): KeyCount {
  const { key, keyEncoding, db, reads, writes, misses, absorbed } = sum;
  const ratePerSecond = {
    read: reads / seconds,
    write: writes / seconds,
    miss: misses / seconds,
    total: loadOf(sum) / seconds,
  };
  return { key, keyEncoding, db, ratePerSecond, absorbedPerSecond: absorbed / seconds };
}

/** Scaled weight of the row that is the last of the largest. */
function leastOfLargest(counted: readonly CountedRows[]): number {
  const length = counted.reduce((sum, { rows }) => sum + rows.length, 0);
  if (length <= KEYS_PER_SECOND_MAX) return 0;
  const weights = new Float64Array(length);
  let at = 0;
  for (const { probability, rows } of counted)
    for (const row of rows) weights[at++] = row.weight / probability;
  return nthSmallest(weights, length - KEYS_PER_SECOND_MAX);
}

function bounded(sums: KeySums): KeySum[] {
  const largest = sums.largest(KEYS_PER_SECOND_MAX);
  let characters = largest.reduce((sum, { key }) => sum + key.length, 0);
  if (characters <= KEY_CHARACTERS_MAX) return largest;
  largest.sort((one, other) => weightOf(other) - weightOf(one));
  while (characters > KEY_CHARACTERS_MAX) characters -= largest.pop()?.key.length ?? characters;
  return largest;
}
