import type { Kind, KindCounts } from "../model/access.ts";
import { COMMANDS_PER_ENTRY } from "../model/pane.ts";
import type { EntryRow } from "./entries.ts";
import type { Sketch } from "./sketch.ts";

/** Columns of an entry: the kinds, then a source's classes of maybes, then three notes. */
export const READ_COLUMN = 0;
export const WRITE_COLUMN = 1;
export const MISS_COLUMN = 2;
export const FIRST_MAYBE_COLUMN = 3;

/** Events of one class may have been accesses of their own, of `kind`. */
export interface MaybeClass {
  readonly kind: Exclude<Kind, "read">;
}

/** Of the maybes of a class in a pane, at least `total - derivedMax` and at most `ownMax` were accesses. */
export interface MaybeBudget {
  readonly ownMax: number;
  readonly derivedMax: number;
}

export const UNKNOWN_BUDGET: MaybeBudget = {
  ownMax: Number.POSITIVE_INFINITY,
  derivedMax: Number.POSITIVE_INFINITY,
};

/** Notes of the recorder, in columns behind the counted ones. */
export interface NoteColumns {
  /** What was counted at the last round of early parts. */
  readonly mark: number;
  /** What has left as early parts in this pane, divided by its probability. */
  readonly sent: number;
  /** Accesses a second in the last round. */
  readonly rate: number;
}

/** How many notes there are. */
export const NOTE_COUNT = 3;

/** How many counters an entry has. */
export function countedColumns(maybeClasses: number): number {
  return FIRST_MAYBE_COLUMN + maybeClasses;
}

export function noteColumns(maybeClasses: number): NoteColumns {
  const mark = countedColumns(maybeClasses);
  return { mark, sent: mark + 1, rate: mark + 2 };
}

/** Accesses surely seen. Where a vantage sees no reads, misses stand for them; else reads hold the misses. */
export function sureOf(counts: KindCounts): number {
  return counts.write + Math.max(counts.read, counts.miss);
}

/** The same of a tracked entry. */
export function sureCount(sketch: Sketch, entry: number): number {
  const read = Math.max(sketch.counter(entry, READ_COLUMN), sketch.counter(entry, MISS_COLUMN));
  return read + sketch.counter(entry, WRITE_COLUMN);
}

/** What was found out of an entry beside its counters. */
export interface RowExtra {
  readonly write: number;
  readonly miss: number;
  readonly maybe: number;
  readonly error: number;
  readonly currentPerSecond: number;
}

/** A row of what an entry counted surely, and `extra`. Its key is a view into the summary. */
export function rowOf(sketch: Sketch, entry: number, extra: RowExtra): EntryRow {
  const commands: [number, number][] = [];
  for (let place = 0; place < COMMANDS_PER_ENTRY; place++) {
    const id = sketch.commandId(entry, place);
    if (id > 0) commands.push([id - 1, sketch.commandCount(entry, place)]);
  }
  return {
    db: sketch.db(entry),
    key: sketch.key(entry),
    read: sketch.counter(entry, READ_COLUMN),
    write: sketch.counter(entry, WRITE_COLUMN) + extra.write,
    miss: sketch.counter(entry, MISS_COLUMN) + extra.miss,
    maybe: extra.maybe,
    error: extra.error,
    currentPerSecond: extra.currentPerSecond,
    commands,
  };
}
