import type { Kind, KindCounts, Vantage } from "../model/access.ts";
import type { ScaledView } from "./scaled-sums.ts";

/** What one vantage says of one key in one window. */
export interface VantageView {
  readonly vantage: Vantage;
  /** Raw counts: lower bounds. `read` is at least `miss`: a miss is a read. */
  readonly lower: KindCounts;
  /** What the upper bound of each kind, and of their total, stands above the lower. */
  readonly slack: number;
  /** `null`: nothing of it was sampled. */
  readonly scaled: ScaledView | null;
  /** Kinds, as bits, that it sees where the key lives. */
  readonly sees: number;
  /** Kinds, as bits, of which it has missed nothing in the window. */
  readonly complete: number;
  /** Kinds, as bits, of which it has missed nothing but by sampling. */
  readonly unbroken: number;
  /** Whether its own upper bound holds for what its reporters counted. */
  readonly isReporting: boolean;
}

/** What one vantage says of one kind, or of several kinds together. */
export interface Reading {
  readonly view: VantageView;
  /** Surely seen. */
  readonly lower: number;
  /** Holds where nothing was missed: not under sampling. */
  readonly upper: number;
  /** What a rule fires on: the lower end of the likely interval, `lower` where nothing was sampled. */
  readonly firing: number;
  /** Upper end of the likely interval, of the time that was watched. */
  readonly likelyUpper: number;
  /** The same with what the rest of the time adds, were it like what was watched. */
  readonly atMost: number;
  /** `lower` and `upper` of what was seen, scaled to all the time and all accesses. */
  readonly scaledLower: number;
  readonly scaledUpper: number;
}

/** Standard deviations to either side: what lies outside is 0.3% of a normal distribution. */
const DEVIATIONS = 3;

export function readingOf(view: VantageView, kinds: readonly Kind[]): Reading {
  const { slack, scaled } = view;
  const lower = sum(view.lower, kinds);
  const upper = lower + slack;
  if (scaled === null) {
    const scaledTo = { likelyUpper: upper, atMost: upper, scaledLower: lower, scaledUpper: upper };
    return { view, lower, upper, firing: lower, ...scaledTo };
  }
  const { inverse, unkept, unwatched } = scaled;
  const unkeptLower = sum(unkept.counts, kinds);
  const unkeptUpper = unkeptLower + unkept.slack;
  const unwatchedLower = sum(unwatched.counts, kinds);
  const unwatchedUpper = unwatchedLower + unwatched.slack;
  const likelyUpper = Math.ceil(likelyUpperOf(upper, unkeptUpper, inverse));
  return {
    view,
    lower,
    upper,
    firing: Math.max(lower, Math.floor(likelyLowerOf(lower, unkeptLower, inverse))),
    likelyUpper,
    atMost: likelyUpper + Math.ceil(unwatchedUpper),
    scaledLower: lower + unkeptLower + unwatchedLower,
    scaledUpper: upper + unkeptUpper + unwatchedUpper,
  };
}

/**
 * Ends of the interval that likely holds the true count, of `kept` accesses and the `unkept` ones that scaling adds,
 * where a kept one stands for at most `inverse`.
 *
 * The score interval of a binomial count: with an estimate E of variance V(T) = T g at the true count T, where
 * g = inverse - 1, it holds each T with |E - T| <= z sqrt(V(T)). With z^2 V = z^2 unkept inverse and h = z^2 g / 2 its
 * ends are E + h -+ sqrt(z^2 V + h^2).
 * Error: of independent samples at most 0.4% lie outside, whatever the count; of mixed ones fewer, since the variance
 * is taken with the largest `inverse` among them.
 * Source: SKETCH section 3; E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
 */
function likelyUpperOf(kept: number, unkept: number, inverse: number): number {
  const shift = shiftOf(inverse);
  return kept + unkept + shift + deviation(unkept, inverse, shift);
}

/**
 * One kept access fewer counts than there are: of few accesses the distribution is too skew for the normal one. Without
 * it up to 8% of the lower ends of keys with hardly a sample would be too high (a single one kept, 1 of 1024).
 */
function likelyLowerOf(kept: number, unkept: number, inverse: number): number {
  const shift = shiftOf(inverse);
  const fewer = Math.max(0, unkept - (inverse - 1));
  return kept + unkept - inverse + shift - deviation(fewer, inverse, shift);
}

function shiftOf(inverse: number): number {
  return (DEVIATIONS ** 2 * (inverse - 1)) / 2;
}

function deviation(unkept: number, inverse: number, shift: number): number {
  return Math.sqrt(DEVIATIONS ** 2 * unkept * inverse + shift ** 2);
}

function sum(counts: KindCounts, kinds: readonly Kind[]): number {
  return kinds.reduce((total, kind) => total + counts[kind], 0);
}
