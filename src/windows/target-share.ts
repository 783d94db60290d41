import type { HeatKind } from "../model/access.ts";
import { type Bounds, firingCount } from "../model/heat.ts";
import type { HopWindow } from "./hop-window.ts";
import type { Interval } from "./interval.ts";
import type { Shelf } from "./shelf.ts";
import type { Track } from "./track.ts";

/** What a target did in a window, as far as its servers say so; what they do not say is of what was observed. */
export interface TargetTotal {
  read: number;
  write: number;
  /** Accesses of open panes, whose kinds are not told apart; scaled where they were sampled. */
  open: number;
  isReadKnown: boolean;
  isWriteKnown: boolean;
}

/**
 * Share of its target's accesses in a window that a key surely has (under sampling: likely, at least): 0..1, `null`
 * where the target's total is not known.
 *
 * The total is what the server says it ran, reads and writes, though nobody may see the reads of the key: the share
 * is then a lower bound too. Where the server tells only one kind, like is divided by like. Panes without such
 * totals (still open, or the first of a connection) count with what was observed in them.
 */
export function shareOfTarget(
  counts: Readonly<Record<HeatKind, Bounds>>,
  total: TargetTotal | null,
): number | null {
  if (total === null) return null;
  const { isReadKnown, isWriteKnown } = total;
  if (isReadKnown && isWriteKnown)
    return share(firingCount(counts.total), total.read + total.write + total.open);
  if (isWriteKnown) return share(firingCount(counts.write), total.write + total.open);
  if (isReadKnown) return share(firingCount(counts.read), total.read + total.open);
  return null;
}

/** Accesses of a target in a window, of which `shareOfTarget` is taken; `null`: not known. */
export function targetCount(total: TargetTotal | null): number | null {
  if (total === null || !(total.isReadKnown || total.isWriteKnown)) return null;
  const { read, write, open, isReadKnown, isWriteKnown } = total;
  return (isReadKnown ? read : 0) + (isWriteKnown ? write : 0) + open;
}

/** A server counts one call of MSET, however many keys it writes: hence at most 1. */
function share(count: number, total: number): number | null {
  return total > 0 ? Math.min(1, count / total) : null;
}

/** `tracks`: all those of one target. */
export function targetTotal(tracks: readonly Track[], shelf: Shelf, window: HopWindow): TargetTotal | null {
  const target = tracks[0]?.target;
  if (target === undefined) return null;
  const total: TargetTotal = { read: 0, write: 0, open: 0, isReadKnown: false, isWriteKnown: false };
  for (const interval of shelf.intervals()) {
    if (window.contains(interval)) addInterval(total, interval, target, tracks);
  }
  return total;
}

function addInterval(total: TargetTotal, interval: Interval, target: string, tracks: readonly Track[]): void {
  const totals = interval.totals.get(target);
  if (!totals) {
    total.open += Math.max(0, ...tracks.map((track) => track.panes.get(interval)?.countedTotal ?? 0));
    return;
  }
  const { observed, ran } = totals;
  total.read += ran.read ?? Math.max(observed.read, observed.miss);
  total.write += ran.write ?? observed.write;
  if (ran.read !== null) total.isReadKnown = true;
  if (ran.write !== null) total.isWriteKnown = true;
}
