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
}

export interface TotalEstimate {
  readonly bytes: number;
  /** Half of the interval that holds the true total in 95% of the cases; 0: exact; `null`: too few were looked at. */
  readonly marginBytes: number | null;
}

/** 97.5% quantiles of Student's t for 1 to 9 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const NORMAL = 1.96;
/** From 10 degrees of freedom on, within 1% and never too small. */
const STUDENT_EXCESS = 2.7;

/**
 * Estimates the total of all keys from a simple random sample of them, without replacement.
 *
 * The interval is that of the sample mean: where few keys hold nearly all bytes and none of them was looked at, it
 * cannot know. Source: Cochran, "Sampling Techniques", 3rd edition, section 2.8.
 */
export function estimateTotal({ keys, looked, bytes, squares }: Sample): TotalEstimate {
  if (looked >= keys) return { bytes, marginBytes: 0 };
  if (looked === 0) return { bytes: 0, marginBytes: null };
  const mean = bytes / looked;
  if (looked === 1) return { bytes: mean * keys, marginBytes: null };
  const variance = Math.max(0, squares - looked * mean * mean) / (looked - 1);
  const unseenShare = 1 - looked / keys;
  const marginBytes = studentQuantile(looked - 1) * keys * Math.sqrt((variance * unseenShare) / looked);
  return { bytes: mean * keys, marginBytes };
}

function studentQuantile(degrees: number): number {
  return STUDENT[degrees - 1] ?? NORMAL + STUDENT_EXCESS / degrees;
}
