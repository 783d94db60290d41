import type { HeatKind, Kind, KindCounts, Vantage } from "../model/access.ts";
import type { Bounds } from "../model/heat.ts";
import { KIND_BIT } from "./vantage.ts";

/** What one vantage says of one key in one window. */
export interface VantageView {
  readonly vantage: Vantage;
  /** Lower bounds. `read` is at least `miss`: a miss is a read. */
  readonly lower: KindCounts;
  /** What the upper bound of each kind, and of their total, stands above the lower. */
  readonly slack: number;
  /** Kinds, as bits, that it sees where the key lives. */
  readonly sees: number;
  /** Kinds, as bits, of which it has missed nothing in the window. */
  readonly complete: number;
  /** Whether its own upper bound holds for what its reporters counted. */
  readonly isReporting: boolean;
}

export interface Fused {
  readonly counts: Record<HeatKind, Bounds>;
  readonly clearing: Record<HeatKind, number | null>;
  readonly vantages: Partial<Record<Kind, Vantage>>;
  /** Upper bounds that another vantage's lower bound disproved. */
  readonly disproved: number;
}

interface FusedKind {
  readonly lower: number;
  readonly upper: number | null;
  readonly clearing: number | null;
  readonly speaker: VantageView | null;
  readonly disproved: number;
}

const UNSEEN: FusedKind = { lower: 0, upper: null, clearing: null, speaker: null, disproved: 0 };

/**
 * One answer from several vantages, which see subsets of the same accesses and are never added: per kind the largest
 * lower bound speaks, and the least upper bound of those that missed nothing holds.
 */
export function fuse(views: readonly VantageView[]): Fused {
  const miss = fuseKind(views, "miss");
  const write = fuseKind(views, "write");
  const read = fuseKind(views, "read");
  // Where nobody sees reads, misses stand for them: they are the reads that are known.
  const readOrMiss = read.speaker ? read : miss;
  const total = fuseTotal(views, readOrMiss, read.speaker ? "read" : "miss", write);
  const vantages: Partial<Record<Kind, Vantage>> = {};
  if (read.speaker) vantages.read = read.speaker.vantage;
  if (write.speaker) vantages.write = write.speaker.vantage;
  if (miss.speaker) vantages.miss = miss.speaker.vantage;
  return {
    counts: {
      read: boundsOf(readOrMiss),
      write: boundsOf(write),
      miss: boundsOf(miss),
      total: boundsOf(total),
    },
    clearing: {
      read: readOrMiss.clearing,
      write: write.clearing,
      miss: miss.clearing,
      total: total.clearing,
    },
    vantages,
    disproved: miss.disproved + write.disproved + read.disproved + total.disproved,
  };
}

function fuseKind(views: readonly VantageView[], kind: Kind): FusedKind {
  const bit = KIND_BIT[kind];
  if (!views.some(({ sees }) => (sees & bit) !== 0)) return { ...UNSEEN, lower: largestLower(views, kind) };
  const speaker = views.reduce((best, view) => (speaksRather(view, best, kind) ? view : best));
  const lower = speaker.lower[kind];
  const uppers = views
    .filter(({ complete }) => (complete & bit) !== 0)
    .map((view) => view.lower[kind] + view.slack);
  const standing = uppers.filter((upper) => upper >= lower);
  const upper = least(standing);
  return {
    lower,
    upper,
    clearing: upper ?? ownUpper(speaker, kind),
    speaker,
    disproved: uppers.length - standing.length,
  };
}

/** A vantage that does not see reads at all knows some of them by its misses, so it may speak too. */
function speaksRather(view: VantageView, best: VantageView, kind: Kind): boolean {
  if (view.lower[kind] !== best.lower[kind]) return view.lower[kind] > best.lower[kind];
  return (view.sees & KIND_BIT[kind]) !== 0 && (best.sees & KIND_BIT[kind]) === 0;
}

function largestLower(views: readonly VantageView[], kind: Kind): number {
  return views.reduce((largest, view) => Math.max(largest, view.lower[kind]), 0);
}

function ownUpper(view: VantageView, kind: Kind): number | null {
  return view.isReporting ? view.lower[kind] + view.slack : null;
}

function fuseTotal(
  views: readonly VantageView[],
  read: FusedKind,
  readKind: "read" | "miss",
  write: FusedKind,
): FusedKind {
  if (!write.speaker) return { ...read, lower: read.lower + write.lower, disproved: 0 };
  if (!read.speaker) return { ...write, lower: read.lower + write.lower, disproved: 0 };
  const lower = read.lower + write.lower;
  const bits = KIND_BIT[readKind] | KIND_BIT.write;
  // One vantage that has both kinds counts its doubts once; their sum would count them twice.
  const uppers = views
    .filter(({ complete }) => (complete & bits) === bits)
    .map((view) => view.lower[readKind] + view.lower.write + view.slack);
  if (read.upper !== null && write.upper !== null) uppers.push(read.upper + write.upper);
  const standing = uppers.filter((upper) => upper >= lower);
  const upper = least(standing);
  return {
    lower,
    upper,
    clearing: upper ?? clearingTotal(read, readKind, write),
    speaker: null,
    disproved: uppers.length - standing.length,
  };
}

function clearingTotal(read: FusedKind, readKind: "read" | "miss", write: FusedKind): number | null {
  const { speaker } = read;
  if (speaker !== null && speaker === write.speaker) {
    return speaker.isReporting ? speaker.lower[readKind] + speaker.lower.write + speaker.slack : null;
  }
  return read.clearing === null || write.clearing === null ? null : read.clearing + write.clearing;
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

function boundsOf({ lower, upper }: FusedKind): Bounds {
  const estimate = upper === null ? lower : lower + Math.floor((upper - lower) / 2);
  return { estimate, lower, upper };
}
