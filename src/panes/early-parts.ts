import type { Kind } from "../model/access.ts";
import { keyId } from "../model/key.ts";
import type { PanePart } from "../model/pane.ts";
import type { SlotRange } from "../model/slot.ts";
import { MISS_COLUMN, type NoteColumns, READ_COLUMN, rowOf, sureCount, WRITE_COLUMN } from "./columns.ts";
import type { EntryRow } from "./entries.ts";
import { addCounts, type OpenPane, RowsByBucket } from "./open-pane.ts";
import type { Steepness } from "./steepness.ts";

/** What was counted in a moment is no rate yet. */
const SPAN_MS_MIN = 200;
const SURE_COLUMNS = [READ_COLUMN, WRITE_COLUMN, MISS_COLUMN];

export interface RoundOptions {
  readonly nowMs: number;
  readonly sees: readonly Kind[];
  readonly slots: readonly SlotRange[] | null;
  readonly notes: NoteColumns;
  /** `null`: every key is taken, steep or not. */
  readonly steepness: Steepness | null;
  readonly ignored: (key: Uint8Array) => boolean;
}

/**
 * Takes the sure counts of steep keys out of an open pane, as early parts: their entries go on from 0, so that the parts
 * add up to the pane. What is in doubt stays for the closing part, when the server's counters are known.
 */
export function takeEarlyParts(pane: OpenPane, options: RoundOptions): PanePart[] {
  const elapsedMs = options.nowMs - pane.lastRoundMs;
  if (elapsedMs <= 0 && options.steepness !== null) return [];
  const spanMs = options.steepness === null ? Math.max(SPAN_MS_MIN, elapsedMs) : elapsedMs;
  pane.lastRoundMs = options.nowMs;
  const rows = new RowsByBucket();
  for (let entry = 0; entry < pane.sketch.size; entry++) {
    const row = takeSteepRow(pane, entry, spanMs, options);
    if (row) rows.add(pane.bucketOf(row.key, options.slots), row);
  }
  return Array.from(rows.buckets(), (bucket) => {
    const total = { read: 0, write: 0, miss: 0 };
    for (const row of rows.of(bucket)) addCounts(total, row);
    const { sees, slots } = options;
    return pane.part(bucket, rows.of(bucket), {
      closing: false,
      floor: 0,
      total,
      sees,
      complete: true,
      slots,
      totals: null,
    });
  });
}

function takeSteepRow(
  { sketch, probability }: OpenPane,
  entry: number,
  spanMs: number,
  { notes, steepness, ignored }: RoundOptions,
): EntryRow | null {
  const sure = sureCount(sketch, entry);
  const currentPerSecond = ((sure - sketch.counter(entry, notes.mark)) * 1000) / (probability * spanMs);
  sketch.note(entry, notes.rate, currentPerSecond);
  sketch.note(entry, notes.mark, sure);
  if (sure === 0) return null;
  if (steepness?.couldBeSteep(currentPerSecond) === false) return null;
  const key = sketch.key(entry);
  if (steepness?.isSteep(keyId(sketch.db(entry), key), currentPerSecond) === false || ignored(key))
    return null;
  const row = rowOf(sketch, entry, { write: 0, miss: 0, maybe: 0, error: 0, currentPerSecond });
  for (const column of SURE_COLUMNS) sketch.takeBack(entry, column, sketch.counter(entry, column));
  sketch.note(entry, notes.mark, 0);
  sketch.note(entry, notes.sent, sketch.counter(entry, notes.sent) + sure / probability);
  sketch.clearCommands(entry);
  return row;
}
