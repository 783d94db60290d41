import { NO_TARGET } from "../model/target.ts";
import type { ClaimedSpan } from "./claims.ts";
import { READ } from "./columns.ts";
import type { KeyTable } from "./key-table.ts";
import type { StoredPart } from "./stored-part.ts";
import type { Track } from "./track.ts";

/**
 * How many reads a second clients claim at a server beyond what it says it ran, over all keys: 0 where all can be true;
 * `null`: it is not known.
 */
export type Overclaimed = (target: string) => number | null;

/**
 * How many of the reads that clients claim of each of these keys cannot be made up: at each server what is left when all
 * that was claimed too much there was claimed of this key. Keys of which nothing is left are left out. One pass over what
 * was claimed, whatever the number of keys.
 *
 * So where all clients of a server report, a made-up claim is worth nothing. Where only some do, it can hide among the
 * reads that nobody reported, and no further. What is claimed of no known server is worth nothing.
 */
export function corroboratedReads(
  clientTracks: Iterable<Track>,
  keys: KeyTable,
  handles: readonly number[],
  span: ClaimedSpan,
  overclaimed: Overclaimed,
): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  if (handles.length === 0) return sums;
  const isWanted = new Uint8Array(keys.handleEnd);
  for (const handle of handles) isWanted[handle] = 1;
  const seconds = (span.toMs - span.fromMs) / 1000;
  for (const track of clientTracks) {
    const tooMany = track.target === NO_TARGET ? null : overclaimed(track.target);
    if (tooMany === null) continue;
    for (const [handle, claimed] of claimedReads(track, isWanted, span)) {
      const left = claimed - tooMany * seconds;
      if (left > 0 && track.slots.covers(keys.slot(handle))) sums.set(handle, (sums.get(handle) ?? 0) + left);
    }
  }
  return sums;
}

/** Of the keys that are wanted, scaled where they were sampled. */
function claimedReads(
  { panes }: Track,
  isWanted: Uint8Array,
  { fromMs, toMs }: ClaimedSpan,
): ReadonlyMap<number, number> {
  const sums = new Map<number, number>();
  for (const [{ startMs, endMs }, pane] of panes) {
    if (startMs < fromMs || endMs > toMs) continue;
    for (const part of pane.countedParts()) addReads(part, isWanted, sums);
  }
  return sums;
}

function addReads(part: StoredPart, isWanted: Uint8Array, sums: Map<number, number>): void {
  const { data, length, columns, sampling } = part;
  const run = columns.indexOf(READ);
  if (run < 0) return;
  const { probability = 1, watchedShare = 1 } = sampling ?? {};
  for (let row = 0; row < length; row++) {
    const handle = data[row]!;
    if (isWanted[handle] !== 1) continue;
    const reads = data[(run + 1) * length + row]! / (probability * watchedShare);
    sums.set(handle, (sums.get(handle) ?? 0) + reads);
  }
}
