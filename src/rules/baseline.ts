/** What is usual of a key, in accesses of one window. Source: SKETCH section 4. */
export interface Baseline {
  /** Mean of the counts. */
  mean: number;
  /** How much more than a Poisson law the counts scatter: variance over mean, at least 1. */
  dispersion: number;
  /** The latest counts, oldest first, which the mean does not know yet: an onset must not raise what it is held against. */
  lagged: number[];
}

/** In so long the weight of a count in the mean halves. */
export const HALF_LIFE_MS = 300_000;
/** Counts that wait before the mean takes them in. */
export const LAG = 3;
/** Counts after which a mean is known well enough to be judged by. */
export const WARM_UP = 30;

/** The dispersion forgets more slowly than the mean, or each burst would raise it for what follows. */
const DISPERSION_HALF_LIVES = 4;
const CLIP_FACTOR = 3;
const CLIP_MORE = 10;
/**
 * One count raises the dispersion by no more than this, or by what a count twice as large as usual does: the noise of a
 * busy key grows with its mean, and with a fixed limit it would be taken for news.
 */
const SCATTER_MAX = 25;

/** How far one count moves a baseline. */
export interface Pace {
  readonly ofMean: number;
  readonly ofDispersion: number;
  /** Until the warm-up is over a count is taken whole: a mean that begins with nothing would clip the truth. */
  readonly isWarmingUp: boolean;
}

/**
 * The pace of the count number `number` (1 is the first) of windows of `windowMs` that do not overlap. The first ones
 * are averaged, so that the mean is not too low after the warm-up.
 */
export function paceOf(number: number, windowMs: number): Pace {
  const folded = Math.max(1, number - LAG);
  return {
    ofMean: Math.max(weightOf(windowMs, HALF_LIFE_MS), 1 / folded),
    ofDispersion: Math.max(weightOf(windowMs, DISPERSION_HALF_LIVES * HALF_LIFE_MS), 1 / folded),
    isWarmingUp: number <= WARM_UP + LAG,
  };
}

export function emptyBaseline(): Baseline {
  return { mean: 0, dispersion: 1, lagged: [] };
}

/**
 * Takes in the count of one more window, in place. While `isFrozen` the mean stays as it is, and only the latest counts
 * are remembered.
 *
 * Monotonic: of two baselines with the same history but larger counts in one, that one has the larger mean.
 */
export function take(baseline: Baseline, count: number, pace: Pace, isFrozen: boolean): void {
  baseline.lagged.push(count);
  if (baseline.lagged.length <= LAG) return;
  const oldest = baseline.lagged.shift()!;
  if (!isFrozen) fold(baseline, oldest, pace);
}

/** The level of the latest counts is what is usual from now on. */
export function adoptLevel(baseline: Baseline, count: number): void {
  const counts = baseline.lagged.length > 0 ? baseline.lagged : [count];
  baseline.mean = counts.reduce((sum, one) => sum + one, 0) / counts.length;
}

/** How unlikely a count at least so large is, in standard deviations: the Poisson likelihood ratio over the scatter. */
export function deviations({ mean, dispersion }: Baseline, count: number): number {
  // Below one access in a window nothing can be told apart.
  const usual = Math.max(1, mean);
  if (count <= usual) return 0;
  const logRatio = count * Math.log(count / usual) - (count - usual);
  return Math.sqrt((2 * logRatio) / dispersion);
}

function fold(baseline: Baseline, count: number, pace: Pace): void {
  const { mean, dispersion } = baseline;
  const limit = Math.max(SCATTER_MAX, mean);
  const scatter = Math.min(limit, (count - mean) ** 2 / Math.max(1, mean));
  if (!pace.isWarmingUp || mean > 0) {
    baseline.dispersion = Math.max(1, dispersion + pace.ofDispersion * (scatter - dispersion));
  }
  const clipped = pace.isWarmingUp ? count : Math.min(count, CLIP_FACTOR * mean + CLIP_MORE);
  baseline.mean = mean + pace.ofMean * (clipped - mean);
}

function weightOf(windowMs: number, halfLifeMs: number): number {
  return 1 - 2 ** (-windowMs / halfLifeMs);
}
