import type { KindCounts } from "../model/access.ts";
import type { HopWindow } from "./hop-window.ts";
import type { VantageView } from "./reading.ts";
import type { Extra, ScaledView } from "./scaled-sums.ts";
import type { Shelf } from "./shelf.ts";
import type { Track } from "./track.ts";

/** How much clients may claim of one key in a window: what their servers ran, and a pane more. */
export interface ClaimLimit {
  readonly read: number;
  /** A script's keys are claimed as written, though it may only have read them: so reads count here too. */
  readonly write: number;
  /** Whether the servers have told of every pane in the window: only then more than that is suspect. */
  readonly isFinal: boolean;
}

/** A view held to what can be true. */
export interface CheckedView {
  readonly view: VantageView;
  /** More was claimed than the servers ran, sampling errors and the edges of panes allowed for. */
  readonly isSuspect: boolean;
}

/** Standard deviations that sampling is granted. */
const DEVIATIONS = 3;

/**
 * What the servers at which clients report a key ran in a window; `null`: one of them told nothing, so nothing is held
 * back. `tracks`: those of the clients' vantage that cover the key's slot.
 *
 * Clients and servers do not agree on the moment of an access, hence the pane more. Panes of which a server has not told
 * (yet) count as the largest of those that it has.
 */
export function claimLimit(tracks: readonly Track[], shelf: Shelf, window: HopWindow): ClaimLimit | null {
  const limit = { read: 0, write: 0, isFinal: true };
  for (const { target } of tracks) {
    const ran = ranAt(target, shelf, window);
    if (ran === null) return null;
    limit.read += ran.read;
    limit.write += ran.read + ran.write;
    if (!ran.isFinal) limit.isFinal = false;
  }
  return tracks.length === 0 ? null : limit;
}

/** Holds what clients claim of a key to `limit`, kind by kind. */
export function heldToLimit(view: VantageView, limit: ClaimLimit): CheckedView {
  const read = shareWithin(view, "read", limit.read);
  const write = shareWithin(view, "write", limit.write);
  if (read.share === 1 && write.share === 1) return { view, isSuspect: false };
  const shares: KindCounts = { read: read.share, write: write.share, miss: read.share };
  return {
    view: {
      ...view,
      lower: scaledBy(view.lower, shares),
      scaled: view.scaled && scaledView(view.scaled, shares),
    },
    isSuspect: limit.isFinal && (read.isSuspect || write.isSuspect),
  };
}

interface RanTotal {
  readonly read: number;
  readonly write: number;
  readonly isFinal: boolean;
}

function ranAt(target: string, shelf: Shelf, window: HopWindow): RanTotal | null {
  const total = { read: 0, write: 0 };
  const largest = { read: 0, write: 0 };
  let told = 0;
  let untold = 0;
  for (const interval of shelf.intervals()) {
    if (!window.contains(interval)) continue;
    const { read = null, write = null } = interval.totals.get(target)?.ran ?? {};
    if (read === null || write === null) {
      untold++;
      continue;
    }
    told++;
    total.read += read;
    total.write += write;
    largest.read = Math.max(largest.read, read);
    largest.write = Math.max(largest.write, write);
  }
  if (told === 0) return null;
  const more = Math.max(1, untold);
  return {
    read: total.read + more * largest.read,
    write: total.write + more * largest.write,
    isFinal: untold === 0,
  };
}

/** Which share of what is claimed of a kind can be true. */
function shareWithin({ lower, scaled }: VantageView, kind: "read" | "write", limit: number) {
  const unkept = scaled?.unkept.counts[kind] ?? 0;
  const claimed = lower[kind] + unkept + (scaled?.unwatched.counts[kind] ?? 0);
  const error = DEVIATIONS * Math.sqrt(unkept * (scaled?.inverse ?? 1));
  return { share: claimed > limit ? limit / claimed : 1, isSuspect: claimed - error > limit };
}

function scaledView(scaled: ScaledView, shares: KindCounts): ScaledView {
  return {
    ...scaled,
    unkept: scaledExtra(scaled.unkept, shares),
    unwatched: scaledExtra(scaled.unwatched, shares),
  };
}

function scaledExtra(extra: Extra, shares: KindCounts): Extra {
  const { counts } = extra;
  return {
    ...extra,
    counts: {
      read: counts.read * shares.read,
      write: counts.write * shares.write,
      miss: counts.miss * shares.miss,
    },
  };
}

function scaledBy(counts: KindCounts, shares: KindCounts): KindCounts {
  return {
    read: Math.floor(counts.read * shares.read),
    write: Math.floor(counts.write * shares.write),
    miss: Math.floor(counts.miss * shares.miss),
  };
}
