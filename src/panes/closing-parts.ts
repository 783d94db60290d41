import type { Kind, KindCounts } from "../model/access.ts";
import { keyId } from "../model/key.ts";
import type { PanePart, PaneTotals } from "../model/pane.ts";
import type { SlotRange } from "../model/slot.ts";
import {
  FIRST_MAYBE_COLUMN,
  type MaybeBudget,
  MISS_COLUMN,
  type NoteColumns,
  READ_COLUMN,
  rowOf,
  sureCount,
  sureOf,
  UNKNOWN_BUDGET,
  WRITE_COLUMN,
} from "./columns.ts";
import type { EntryRow } from "./entries.ts";
import { addCounts, type OpenPane, RowsByBucket } from "./open-pane.ts";
import type { RecorderOptions } from "./recorder-options.ts";
import type { Sketch } from "./sketch.ts";
import type { Steepness } from "./steepness.ts";

/** Entries below this share of the pane's total are not published. */
export const PUBLISH_SHARE = 2e-4;

/** What the source knows of a pane when it closes. */
export interface PaneVerdict {
  readonly sees: readonly Kind[];
  readonly complete: boolean;
  /** The target became a replica meanwhile: writes may be repetitions of its new primary's. */
  readonly writesInDoubt: boolean;
  readonly slots: readonly SlotRange[] | null;
  readonly totals: PaneTotals | null;
  /** One for each class of maybes. */
  readonly budgets: readonly MaybeBudget[];
}

interface Selection {
  readonly rows: RowsByBucket;
  /** Covers every key that is not among the rows. */
  readonly floor: number;
  /** What is left of the pane, by bucket. */
  readonly sums: ReadonlyMap<number, KindCounts>;
}

/** The closing parts of a pane: one for each bucket that its slots touch. */
export function closingParts(
  pane: OpenPane,
  verdict: PaneVerdict,
  options: RecorderOptions,
  notes: NoteColumns,
  steepness: Steepness,
): PanePart[] {
  const { rows, floor, sums } = select(pane, verdict, options, notes, steepness);
  const { sees, complete, slots, totals } = verdict;
  return Array.from(pane.bucketsOf(slots), (bucket) => {
    const total = sums.get(bucket) ?? { read: 0, write: 0, miss: 0 };
    return pane.part(bucket, rows.of(bucket), { closing: true, floor, total, sees, complete, slots, totals });
  });
}

/** Chooses what is worth publishing: all above the floor and a small share of the total, at most `publishMax`. */
function select(
  pane: OpenPane,
  verdict: PaneVerdict,
  options: RecorderOptions,
  notes: NoteColumns,
  steepness: Steepness,
): Selection {
  const { sketch } = pane;
  const { publishMax, ignored } = options;
  const threshold = Math.max(sketch.floor, PUBLISH_SHARE * sureOf(pane.observed));
  const candidates: { row: EntryRow; upper: number }[] = [];
  const sums = new Map<number, KindCounts>();
  const remembered = new Map<string, number>();
  let floor = sketch.floor;
  const counts: KindCounts = { read: 0, write: 0, miss: 0 };
  for (let entry = 0; entry < sketch.size; entry++) {
    // Nearly all entries are plain: no object is made for them.
    const row = isPlain(sketch, entry, threshold, verdict)
      ? null
      : closingRow(pane, entry, verdict, options, notes);
    const sure = row ?? countsOf(sketch, entry, counts);
    addToSum(sums, bucketOf(pane, entry, verdict), sure);
    remember(remembered, pane, entry, sureOf(sure), notes, steepness);
    if (row && ignored(row.key)) continue;
    const upper = row ? sureOf(row) + row.maybe + row.error : sketch.counted(entry) + sketch.error(entry);
    if (row && upper > threshold) candidates.push({ row, upper });
    else floor = Math.max(floor, upper);
  }
  steepness.closePane(remembered);
  candidates.sort((a, b) => b.upper - a.upper);
  const rows = new RowsByBucket();
  for (const { row } of candidates.slice(0, publishMax)) rows.add(pane.bucketOf(row.key, verdict.slots), row);
  return { rows, floor: Math.max(floor, candidates[publishMax]?.upper ?? 0), sums };
}

/** Whether an entry is too small to be published, and nothing of it is in doubt. */
function isPlain(sketch: Sketch, entry: number, threshold: number, { writesInDoubt }: PaneVerdict): boolean {
  const counted = sketch.counted(entry);
  if (writesInDoubt || counted + sketch.error(entry) > threshold) return false;
  const writesAndMisses = sketch.counter(entry, WRITE_COLUMN) + sketch.counter(entry, MISS_COLUMN);
  return sketch.counter(entry, READ_COLUMN) + writesAndMisses === counted;
}

function countsOf(sketch: Sketch, entry: number, counts: KindCounts): KindCounts {
  counts.read = sketch.counter(entry, READ_COLUMN);
  counts.write = sketch.counter(entry, WRITE_COLUMN);
  counts.miss = sketch.counter(entry, MISS_COLUMN);
  return counts;
}

/** The bucket of an entry's key: outside Cluster mode there is but one. */
function bucketOf(pane: OpenPane, entry: number, { slots }: PaneVerdict): number {
  return slots === null ? 0 : pane.bucketOf(pane.sketch.key(entry), slots);
}

/** Notes what the whole pane had of a key, where that decides whether it is steep later. */
function remember(
  remembered: Map<string, number>,
  pane: OpenPane,
  entry: number,
  sure: number,
  notes: NoteColumns,
  steepness: Steepness,
): void {
  const { sketch } = pane;
  const paneCount = pane.scaled(sure, sketch.counter(entry, notes.sent));
  if (steepness.isRemembered(paneCount)) {
    remembered.set(keyId(sketch.db(entry), sketch.key(entry)), paneCount);
  }
}

/** What is left of an entry, with its events in doubt resolved as far as the budgets allow. */
function closingRow(
  pane: OpenPane,
  entry: number,
  verdict: PaneVerdict,
  options: RecorderOptions,
  notes: NoteColumns,
): EntryRow {
  const { sketch } = pane;
  const resolved = { write: 0, miss: 0, maybe: 0 };
  for (let column = FIRST_MAYBE_COLUMN; column < notes.mark; column++) {
    const count = sketch.counter(entry, column);
    if (count === 0) continue;
    const index = column - FIRST_MAYBE_COLUMN;
    const { ownMax, derivedMax } = verdict.budgets[index] ?? UNKNOWN_BUDGET;
    const most = Math.min(count, ownMax);
    const least = Math.min(most, Math.max(0, count - derivedMax));
    resolved[options.maybeClasses[index]?.kind ?? "write"] += least;
    resolved.maybe += most - least;
  }
  const sure = sureCount(sketch, entry) + resolved.write + resolved.miss;
  const panePerSecond = (pane.scaled(sure, sketch.counter(entry, notes.sent)) * 1000) / options.lengthMs;
  const currentPerSecond = Math.max(panePerSecond, sketch.counter(entry, notes.rate));
  const row = rowOf(sketch, entry, { ...resolved, error: sketch.error(entry), currentPerSecond });
  return verdict.writesInDoubt ? { ...row, write: 0, maybe: row.maybe + row.write } : row;
}

function addToSum(sums: Map<number, KindCounts>, bucket: number, counts: KindCounts): void {
  let sum = sums.get(bucket);
  if (!sum) {
    sum = { read: 0, write: 0, miss: 0 };
    sums.set(bucket, sum);
  }
  addCounts(sum, counts);
}
