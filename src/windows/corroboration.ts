import { NO_TARGET } from "../model/target.ts";
import type { ClaimedSpan } from "./claims.ts";
import { READ } from "./columns.ts";
import type { StoredPart } from "./stored-part.ts";
import type { Track } from "./track.ts";

/**
 * How many reads a second clients claim at a server beyond what it says it ran, over all keys: 0 where all can be true;
 * `null`: it is not known.
 */
export type Overclaimed = (target: string) => number | null;

/**
 * How many of the reads that clients claim of a key cannot be made up: at each server what is left when all that was
 * claimed too much there was claimed of this key.
 *
 * So where all clients of a server report, a made-up claim is worth nothing. Where only some do, it can hide among the
 * reads that nobody reported, and no further. What is claimed of no known server is worth nothing.
 */
export function corroboratedReads(
  clientTracks: readonly Track[],
  handle: number,
  span: ClaimedSpan,
  overclaimed: Overclaimed,
): number {
  const seconds = (span.toMs - span.fromMs) / 1000;
  let sum = 0;
  for (const track of clientTracks) {
    const tooMany = track.target === NO_TARGET ? null : overclaimed(track.target);
    if (tooMany !== null) sum += Math.max(0, claimedReads(track, handle, span) - tooMany * seconds);
  }
  return sum;
}

/** Scaled where they were sampled. */
function claimedReads({ panes }: Track, handle: number, { fromMs, toMs }: ClaimedSpan): number {
  let sum = 0;
  for (const [{ startMs, endMs }, pane] of panes) {
    if (startMs < fromMs || endMs > toMs) continue;
    for (const part of pane.countedParts()) sum += readsIn(part, handle);
  }
  return sum;
}

function readsIn({ data, length, columns, sampling }: StoredPart, handle: number): number {
  const run = columns.indexOf(READ);
  const row = data.indexOf(handle);
  if (run < 0 || row < 0 || row >= length) return 0;
  const { probability = 1, watchedShare = 1 } = sampling ?? {};
  return data[(run + 1) * length + row]! / (probability * watchedShare);
}
