/** What was measured of a sample of some keys. */
export interface Sample {
  /** How many keys there are. */
  readonly keys: number;
  /** How many of them were looked at. */
  readonly looked: number;
  /** Sum of their bytes. */
  readonly bytes: number;
  /** Sum of the squares of their bytes. */
  readonly squares: number;
  /** Sum of the cubes of their bytes. */
  readonly cubes: number;
}

/** By how much the true total may be less or more than the estimate, in bytes. */
export interface Margin {
  readonly below: number;
  readonly above: number;
}

export interface TotalEstimate {
  readonly bytes: number;
  /** Of the interval that is to hold the true total in 95% of the cases; 0: exact; `null`: too few were looked at. */
  readonly margin: Margin | null;
}

export const NO_MARGIN: Margin = { below: 0, above: 0 };

/** 97.5% quantiles of Student's t for 1 to 9 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const NORMAL = 1.96;
/** From 10 degrees of freedom on, within 1% and never too small. */
const STUDENT_EXCESS = 2.7;
/** Less makes no difference, but to rounding. */
const SKEW_MIN = 1e-6;

/**
 * Estimates the total of all keys from a simple random sample of them, without replacement.
 *
 * The interval is that of the sample mean, corrected for skewness: a few large keys among many small ones reach further
 * up than down. It cannot know of large keys where none of them was looked at. Source: Cochran, "Sampling Techniques", 3rd
 * edition, section 2.8; Hall, "On the removal of skewness by transformation", J. R. Statist. Soc. B 54, 1992.
 */
export function estimateTotal(sample: Sample): TotalEstimate {
  const { keys, looked, bytes, squares } = sample;
  if (looked >= keys) return { bytes, margin: NO_MARGIN };
  if (looked === 0) return { bytes: 0, margin: null };
  const mean = bytes / looked;
  if (looked === 1) return { bytes: mean * keys, margin: null };
  const variance = Math.max(0, squares - looked * mean * mean) / (looked - 1);
  const unseenShare = 1 - looked / keys;
  const error = keys * Math.sqrt((variance * unseenShare) / looked);
  const quantile = studentQuantile(looked - 1);
  const skew = skewnessOf(sample, mean, variance) / Math.sqrt(looked);
  const margin = { below: error * unskewed(quantile, skew), above: -error * unskewed(-quantile, skew) };
  return { bytes: mean * keys, margin };
}

/** Rounding makes it senseless where all sizes are nearly the same; it is never past what so many numbers can have. */
function skewnessOf({ looked, squares, cubes }: Sample, mean: number, variance: number): number {
  if (variance === 0) return 0;
  const thirdMoment = cubes / looked - (3 * mean * squares) / looked + 2 * mean ** 3;
  const most = (looked - 2) / Math.sqrt(looked - 1);
  return Math.max(-most, Math.min(most, thirdMoment / variance ** 1.5));
}

/** Inverse of Hall's transformation of a t statistic; `skew`: skewness over the root of the sample's size. */
function unskewed(quantile: number, skew: number): number {
  if (Math.abs(skew) < SKEW_MIN) return quantile;
  return (3 / skew) * (Math.cbrt(1 + skew * (quantile - skew / 6)) - 1);
}

function studentQuantile(degrees: number): number {
  return STUDENT[degrees - 1] ?? NORMAL + STUDENT_EXCESS / degrees;
}
