import { NO_TRAIL, type Trail, withRate } from "../model/trail.ts";
import type { ClusterWindows } from "./cluster-windows.ts";
import { READ, WRITE } from "./columns.ts";
import type { Interval } from "./interval.ts";
import type { StoredPart } from "./stored-part.ts";
import type { Track } from "./track.ts";

const SECOND_MS = 1000;

/**
 * How hot a key was, second by second, in the parts that are still held: what was surely seen at its target and where
 * clients named it, by the vantage that saw most. Cost: one look into each of those parts, some 50 us.
 */
export function trailOf(cluster: ClusterWindows, handle: number, target: string | null): Trail {
  const counts = new Map<number, number>();
  const tracks = tracksOf(cluster, handle, target);
  for (const interval of cluster.shelf.intervals()) {
    const endMs = Math.ceil(interval.endMs / SECOND_MS) * SECOND_MS;
    const seconds = Math.max(1, (interval.endMs - interval.startMs) / SECOND_MS);
    const count = countIn(handle, interval, tracks);
    counts.set(endMs, (counts.get(endMs) ?? 0) + count / seconds);
  }
  const seconds = [...counts].sort(([a], [b]) => a - b);
  const first = seconds.findIndex(([, count]) => count > 0);
  if (first < 0) return NO_TRAIL;
  return seconds.reduce((trail, [endMs, count]) => withRate(trail, endMs, count), NO_TRAIL);
}

function tracksOf(
  { tracks, namedTracks }: ClusterWindows,
  handle: number,
  target: string | null,
): Set<Track> {
  const all = new Set(target === null ? [] : tracks.ofTarget(target));
  for (const id of namedTracks.of(handle)) {
    const track = tracks.byId(id);
    if (track) all.add(track);
  }
  return all;
}

/** Accesses in an interval; vantages are never added. */
function countIn(handle: number, interval: Interval, tracks: Iterable<Track>): number {
  const counts = new Map<string, number>();
  for (const track of tracks) {
    const pane = track.panes.get(interval);
    if (!pane) continue;
    const sum = pane.countedParts().reduce((total, part) => total + countOf(part, handle), 0);
    counts.set(track.vantage, (counts.get(track.vantage) ?? 0) + sum);
  }
  return Math.max(0, ...counts.values());
}

/** Reads and writes of a key in a part, scaled where they were sampled. */
function countOf({ data, length, columns, sampling }: StoredPart, handle: number): number {
  const row = data.subarray(0, length).indexOf(handle);
  if (row < 0) return 0;
  const inColumn = (column: number) => {
    const place = columns.indexOf(column);
    return place < 0 ? 0 : data[(place + 1) * length + row]!;
  };
  const scale = sampling === null ? 1 : 1 / (sampling.probability * sampling.watchedShare);
  return (inColumn(READ) + inColumn(WRITE)) * scale;
}
