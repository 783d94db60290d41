import type { HeatKind, Kind, Vantage } from "../model/access.ts";
import type { Bounds } from "../model/heat.ts";
import { type Reading, readingOf, type VantageView } from "./reading.ts";
import { isClaim, KIND_BIT } from "./vantage.ts";

export interface Fused {
  readonly counts: Record<HeatKind, Bounds>;
  readonly clearing: Record<HeatKind, number | null>;
  readonly vantages: Partial<Record<Kind, Vantage>>;
  /** Upper bounds that another vantage's lower bound disproved. */
  readonly disproved: number;
}

/** What all vantages together say of a kind, or of reads and writes together. */
interface Verdict {
  readonly lower: number;
  /** What a rule fires on: `lower`, or what sampled counts make likely. */
  readonly firing: number;
  readonly estimate: number;
  readonly upper: number | null;
  readonly likelyUpper: number | null;
  readonly isLikely: boolean;
  readonly clearing: number | null;
  /** Whose lower bound it is; `null`: nobody sees the kind. */
  readonly speaker: Reading | null;
  readonly disproved: number;
}

const UNSEEN: Verdict = {
  lower: 0,
  firing: 0,
  estimate: 0,
  upper: null,
  likelyUpper: null,
  isLikely: false,
  clearing: null,
  speaker: null,
  disproved: 0,
};

/**
 * One answer from several vantages, which see subsets of the same accesses and are never added: per kind the largest
 * lower bound speaks, and the least upper bound of those that missed nothing holds.
 *
 * Of a sampled vantage its likely lower bound competes, so its noise does not push the number up.
 * `edgeShare`: which share of the window a pane is. Clients do not agree with servers on the moment of an access, so what
 * they claim above a complete count is held to it, up to that share: more is what the server did not tell.
 */
export function fuse(views: readonly VantageView[], edgeShare = 0): Fused {
  const miss = fuseKind(views, "miss", edgeShare);
  const write = fuseKind(views, "write", edgeShare);
  const read = fuseKind(views, "read", edgeShare);
  // Where nobody sees reads, misses stand for them: they are the reads that are known.
  const readOrMiss = read.speaker ? read : miss;
  const total = fuseTotal(views, readOrMiss, read.speaker ? "read" : "miss", write);
  const vantages: Partial<Record<Kind, Vantage>> = {};
  if (read.speaker) vantages.read = read.speaker.view.vantage;
  if (write.speaker) vantages.write = write.speaker.view.vantage;
  if (miss.speaker) vantages.miss = miss.speaker.view.vantage;
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

function fuseKind(views: readonly VantageView[], kind: Kind, edgeShare: number): Verdict {
  const bits = KIND_BIT[kind];
  const readings = withClaimsHeld(
    views.map((view) => readingOf(view, [kind])),
    bits,
    edgeShare,
  );
  const [first] = readings;
  if (!first) return UNSEEN;
  const lower = Math.max(...readings.map((reading) => reading.lower));
  const speaker = readings.reduce((best, one) => (speaksRather(one, best, bits) ? one : best), first);
  const said = { lower, isLikely: isLikely(speaker) };
  if (!views.some(({ sees }) => (sees & bits) !== 0)) {
    return { ...UNSEEN, ...said, firing: speaker.firing, estimate: speaker.scaledLower };
  }
  const limits = limitsOf(readings, bits, lower, speaker.firing);
  return {
    ...limits,
    ...said,
    estimate: estimateOf(speaker, bits, lower, limits),
    clearing: limits.atMost ?? ownAtMost(speaker),
    speaker,
  };
}

/** What clients claim beyond a complete count, by no more than the edges of the window may shift, is held to it. */
function withClaimsHeld(readings: readonly Reading[], bits: number, edgeShare: number): readonly Reading[] {
  const told = readings.filter(({ view }) => !isClaim(view.vantage) && (view.complete & bits) === bits);
  const upper = least(told.map((reading) => reading.upper));
  if (upper === null) return readings;
  return readings.map((reading) => {
    const isWithinEdges = reading.firing > upper && reading.firing <= upper * (1 + edgeShare);
    return isClaim(reading.view.vantage) && isWithinEdges ? heldTo(reading, upper) : reading;
  });
}

function heldTo(reading: Reading, upper: number): Reading {
  return {
    ...reading,
    lower: Math.min(reading.lower, upper),
    firing: upper,
    scaledLower: Math.min(reading.scaledLower, upper),
  };
}

/** A vantage that does not see reads at all knows some of them by its misses, so it may speak too. */
function speaksRather(reading: Reading, best: Reading, bits: number): boolean {
  if (reading.firing !== best.firing) return reading.firing > best.firing;
  return (reading.view.sees & bits) !== 0 && (best.view.sees & bits) === 0;
}

function isLikely({ view }: Reading): boolean {
  return view.scaled !== null && view.scaled.inverse > 1;
}

function ownAtMost({ view, atMost }: Reading): number | null {
  return view.isReporting ? atMost : null;
}

function fuseTotal(
  views: readonly VantageView[],
  read: Verdict,
  readKind: "read" | "miss",
  write: Verdict,
): Verdict {
  if (!write.speaker) return totalOfOne(read, write);
  if (!read.speaker) return totalOfOne(write, read);
  const lower = read.lower + write.lower;
  const firing = read.firing + write.firing;
  const bits = KIND_BIT[readKind] | KIND_BIT.write;
  // One vantage that has both kinds counts its doubts once; their sum would count them twice.
  const readings = views.map((view) => readingOf(view, [readKind, "write"]));
  const joint = readings.reduce((largest, reading) => Math.max(largest, reading.firing), firing);
  const limits = limitsOf(readings, bits, lower, joint, {
    upper: addKnown(read.upper, write.upper),
    likelyUpper: addKnown(read.likelyUpper, write.likelyUpper),
  });
  const shared = readings.find(({ view }) => view === read.speaker?.view && view === write.speaker?.view);
  return {
    ...limits,
    lower,
    estimate: shared ? estimateOf(shared, bits, lower, limits) : estimateOfTwo(read, write, lower, limits),
    isLikely: read.isLikely || write.isLikely,
    clearing: limits.atMost ?? (shared ? ownAtMost(shared) : addKnown(read.clearing, write.clearing)),
    speaker: null,
  };
}

/** The total where only one kind is seen: what is left of the other, from before, has no upper bound. */
function totalOfOne(seen: Verdict, other: Verdict): Verdict {
  if (other.lower === 0) return { ...seen, disproved: 0 };
  return {
    ...UNSEEN,
    lower: seen.lower + other.lower,
    firing: seen.firing + other.firing,
    estimate: seen.estimate + other.estimate,
    isLikely: seen.isLikely || other.isLikely,
  };
}

interface Limits {
  readonly firing: number;
  readonly upper: number | null;
  readonly likelyUpper: number | null;
  /** What missed nothing, or nothing but by sampling, speaks of no more. */
  readonly atMost: number | null;
  readonly disproved: number;
}

/**
 * The least upper bounds that stand. What was surely seen disproves an upper bound; what is only likely does not, and
 * is held back by it. `more`: upper bounds beside those of the readings.
 */
function limitsOf(
  readings: readonly Reading[],
  bits: number,
  lower: number,
  firing: number,
  more: Pick<Limits, "upper" | "likelyUpper"> = { upper: null, likelyUpper: null },
): Limits {
  const complete = readings.filter(({ view }) => (view.complete & bits) === bits);
  const uppers = [...complete.map((reading) => reading.upper), more.upper].filter((upper) => upper !== null);
  const standing = uppers.filter((upper) => upper >= lower);
  const upper = least(standing);
  const held = upper === null ? firing : Math.min(firing, upper);
  const sampled = readings.filter(({ view }) => view.scaled !== null && (view.unbroken & bits) === bits);
  // Of time that was not watched nothing is likely.
  const likely = sampled.filter(({ view }) => view.scaled?.isFullyWatched);
  const likelyUppers = [...likely.map(({ likelyUpper }) => likelyUpper), more.likelyUpper, upper];
  const atMosts = sampled.filter(({ view }) => view.isReporting).map(({ atMost }) => atMost);
  return {
    firing: held,
    upper,
    likelyUpper: least(likelyUppers.filter((value) => value !== null && value >= held)),
    atMost: upper ?? least(atMosts.filter((value) => value >= held)),
    disproved: uppers.length - standing.length,
  };
}

/** The middle of the bounds, scaled where it was sampled; where no upper bound is known, the lower. */
function estimateOf(speaker: Reading, bits: number, lower: number, limits: Limits): number {
  const { view, scaledLower, scaledUpper } = speaker;
  if (view.scaled === null) return middleOf(lower, limits.upper);
  const isUnbroken = (view.unbroken & bits) === bits;
  return within(isUnbroken ? (scaledLower + scaledUpper) / 2 : scaledLower, limits);
}

/** Of reads and writes of which different vantages speak. */
function estimateOfTwo(read: Verdict, write: Verdict, lower: number, limits: Limits): number {
  const isScaled = [read, write].some(({ speaker }) => speaker !== null && speaker.view.scaled !== null);
  return isScaled ? within(read.estimate + write.estimate, limits) : middleOf(lower, limits.upper);
}

function middleOf(lower: number, upper: number | null): number {
  return upper === null ? lower : lower + Math.floor((upper - lower) / 2);
}

function within(estimate: number, { firing, likelyUpper }: Limits): number {
  return Math.max(firing, Math.min(estimate, likelyUpper ?? Number.POSITIVE_INFINITY));
}

function addKnown(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

function least(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function boundsOf({ estimate, lower, firing, upper, likelyUpper, isLikely }: Verdict): Bounds {
  return { estimate, lower, upper, likely: isLikely ? { lower: firing, upper: likelyUpper } : null };
}
