import type { KindCounts } from "../model/access.ts";
import { NO_TARGET } from "../model/target.ts";
import type { RanHistory, RanOver } from "./ran-history.ts";
import type { VantageView } from "./reading.ts";
import type { Extra, ScaledView } from "./scaled-sums.ts";
import type { Track } from "./track.ts";

/** How much clients may claim in a window of the keys of a slot: what their servers ran, and a pane more. */
export interface ClaimLimit {
  readonly read: number;
  /** A script's keys are claimed as written, though it may only have read them: so reads count here too. */
  readonly write: number;
  /** Which share of all that is claimed there can be true at most, 0..1. */
  readonly share: number;
  /** Whether the servers have told of the whole window: only then more than that is suspect. */
  readonly isFinal: boolean;
}

/** A view held to what can be true. */
export interface CheckedView {
  readonly view: VantageView;
  /** Which share of its reads and writes was left, the smaller one. */
  readonly share: number;
  /** More was claimed than the servers ran, sampling errors and the edges of panes allowed for. */
  readonly isSuspect: boolean;
}

/** The window in question, ms since 1970. */
export interface ClaimedSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Standard deviations that sampling is granted. */
const DEVIATIONS = 3;
/** Of all that is claimed at a server so much may be noise of sampling, and of the edges of panes. */
const HONEST_SHARE = 0.8;

/**
 * What clients may claim of keys that these tracks (those of the clients' vantage that cover a slot) hold, where they
 * claim `claimed` accesses over all keys; `null`: one of their servers told nothing, so nothing is held back.
 *
 * Clients and servers do not agree on the moment of an access, hence the pane more. Panes of which a server has not told
 * (yet) count as the largest of those that it has. Accesses whose server is not known may have been at any.
 */
export function claimLimit(
  tracks: readonly Track[],
  history: RanHistory,
  span: ClaimedSpan,
  claimed: number,
): ClaimLimit | null {
  const isAnywhere = tracks.some(({ target }) => target === NO_TARGET);
  const targets = new Set(isAnywhere ? history.targets() : []);
  for (const { target } of tracks) if (target !== NO_TARGET) targets.add(target);
  const limit = { read: 0, write: 0, isFinal: true };
  for (const target of targets) {
    const ran = history.over(target, span.fromMs, span.toMs);
    if (ran === null) return null;
    addRan(limit, ran);
  }
  if (targets.size === 0) return null;
  return { ...limit, share: claimed > limit.write ? limit.write / claimed : 1 };
}

/**
 * Holds what clients claim of a key to `limit`, kind by kind. What a server saw itself is never too much: it counts each
 * key of a command, while its counters count the command once.
 */
export function heldToLimit(view: VantageView, limit: ClaimLimit, seen: KindCounts): CheckedView {
  const read = shareWithin(view, "read", Math.max(limit.read, seen.read));
  const write = shareWithin(view, "write", Math.max(limit.write, seen.write));
  const shares = {
    read: Math.min(read.share, limit.share),
    write: Math.min(write.share, limit.share),
    miss: Math.min(read.share, limit.share),
  };
  const share = Math.min(shares.read, shares.write);
  if (share === 1) return { view, share, isSuspect: false };
  return {
    view: {
      ...view,
      lower: scaledBy(view.lower, shares),
      scaled: view.scaled && scaledView(view.scaled, shares),
    },
    share,
    isSuspect: limit.isFinal && (read.isSuspect || write.isSuspect || limit.share < HONEST_SHARE),
  };
}

function addRan(limit: { read: number; write: number; isFinal: boolean }, ran: RanOver): void {
  const { read, write, slack, isWhole } = ran;
  limit.read += read + slack.read;
  limit.write += read + write + slack.read + slack.write;
  if (!isWhole) limit.isFinal = false;
}

/** All that was claimed at a track's target in the window, scaled where it was sampled. */
export function claimedIn({ panes }: Track, { fromMs, toMs }: ClaimedSpan): number {
  let sum = 0;
  for (const [{ startMs, endMs }, pane] of panes) {
    if (startMs >= fromMs && endMs <= toMs) sum += pane.countedTotal;
  }
  return sum;
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
  const { read, write, miss } = extra.counts;
  return {
    ...extra,
    counts: { read: read * shares.read, write: write * shares.write, miss: miss * shares.miss },
  };
}

function scaledBy({ read, write, miss }: KindCounts, shares: KindCounts): KindCounts {
  return {
    read: Math.floor(read * shares.read),
    write: Math.floor(write * shares.write),
    miss: Math.floor(miss * shares.miss),
  };
}
