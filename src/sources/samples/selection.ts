import type { KindCounts } from "../../model/access.ts";
import { PUBLISH_SHARE } from "../../panes/closing-parts.ts";
import { bucketOfKey, type Division, totalIn } from "./buckets.ts";
import {
  type CountedRow,
  countedRow,
  keyBytesOf,
  loadOf,
  roundPerSecond,
  type SampleRow,
  weightOf,
} from "./sample-row.ts";
import type { SampleSummary } from "./sample-summary.ts";

export interface SelectionOptions {
  readonly publishMax: number;
  /** Keys that are counted but never reported. */
  readonly ignored: (key: Uint8Array) => boolean;
}

/** What is published of one summary. */
export interface Selection {
  readonly probability: number;
  /** Covers every key that is not among the rows. */
  floor: number;
  /** By bucket, of all keys. */
  readonly totals: Map<number, KindCounts>;
  readonly rows: Map<number, CountedRow[]>;
}

interface Candidate {
  readonly row: SampleRow;
  readonly selection: Selection;
  readonly scaledWeight: number;
}

/**
 * Chooses what is worth publishing of a pane: all above the floors and a small share of the totals, over all sampling
 * probabilities at most `publishMax` rows. The selection with the most rows comes last.
 */
export function select(
  summaries: readonly SampleSummary[],
  division: Division,
  options: SelectionOptions,
): Selection[] {
  const candidates: Candidate[] = [];
  const selections = summaries.map((summary) => candidatesOf(summary, division, options, candidates));
  candidates.sort((a, b) => b.scaledWeight - a.scaledWeight);
  candidates.forEach(({ row, selection }, i) => {
    if (i < options.publishMax) publish(row, selection, rateOf(row, summaries).current, division);
    else selection.floor = Math.max(selection.floor, upperOf(row));
  });
  return selections.sort((a, b) => sizeOf(a) - sizeOf(b));
}

function candidatesOf(
  summary: SampleSummary,
  division: Division,
  { ignored }: SelectionOptions,
  candidates: Candidate[],
): Selection {
  const { probability, total, goneTotals } = summary;
  const selection: Selection = { probability, floor: summary.floor, totals: goneTotals, rows: new Map() };
  const threshold = Math.max(summary.floor, PUBLISH_SHARE * (total.read + total.write));
  for (const row of summary.rows()) {
    const inBucket = totalIn(selection.totals, bucketOfKey(row.key, division));
    inBucket.read += row.reads;
    inBucket.write += row.writes;
    inBucket.miss += row.misses;
    const weight = weightOf(row);
    // A key that left early is named once more: a closing part is what tells its rate.
    const isWorthIt = weight > threshold || row.wasSent;
    if (!isWorthIt) selection.floor = Math.max(selection.floor, upperOf(row));
    else if (!ignored(keyBytesOf(row)))
      candidates.push({ row, selection, scaledWeight: weight / probability });
  }
  return selection;
}

/** The true count of kept accesses is at most this. */
function upperOf(row: SampleRow): number {
  return loadOf(row) + row.error;
}

function publish(row: SampleRow, selection: Selection, rate: number, division: Division): void {
  const bucket = bucketOfKey(row.key, division);
  addRow(selection, bucket, countedRow(row, row.error, rate));
}

export function addRow({ rows }: Selection, bucket: number, row: CountedRow): void {
  const known = rows.get(bucket);
  if (known) known.push(row);
  else rows.set(bucket, [row]);
}

/** Accesses a second of a key, from all its samples, however they were sampled. */
export interface KeyRate {
  /** Over the pane so far. */
  readonly inPane: number;
  /** What it runs at now, where that is more. */
  readonly current: number;
}

export function rateOf({ db, key }: SampleRow, summaries: Iterable<SampleSummary>): KeyRate {
  let inPane = 0;
  let lately = 0;
  for (const summary of summaries) {
    const row = summary.find(db, key);
    if (!row) continue;
    inPane += row.panePerSecond;
    lately += Math.max(row.lastPerSecond, roundPerSecond(row));
  }
  return { inPane, current: Math.max(inPane, lately) };
}

function sizeOf({ rows }: Selection): number {
  let size = 0;
  for (const list of rows.values()) size += list.length;
  return size;
}
