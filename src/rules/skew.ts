import type { Rule } from "../config/schema.ts";
import type { TargetFare } from "../model/target-fare.ts";
import type { Verdict } from "../model/verdict.ts";
import { type Judgement, severityAt } from "./rule.ts";

/** A node that runs less is in no trouble, however idle its peers are; accesses per second. */
export const SKEW_RATE_MIN = 1000;

/**
 * One node far above its peers: accesses that it ran, against the mean of the other primaries of its cluster.
 *
 * Where what one of them ran is not known, neither is the skew.
 */
export function judgeSkew(rule: Rule, own: TargetFare, peers: readonly TargetFare[]): Judgement {
  const seconds = rule.window / 1000;
  const rate = own.ran === null ? null : own.ran / seconds;
  const usual = meanOf(peers.map(({ ran }) => ran));
  const baseline = usual === null ? null : usual / seconds;
  // Beside idle peers any rate would be a multiple without end.
  const value = rate === null || baseline === null ? null : rate / Math.max(baseline, 1);
  return {
    verdict: verdictOf(rule, rate, value),
    severity: severityAt(rule, value ?? 0),
    measure: { unit: "ratio", value, threshold: rule.threshold, baseline },
  };
}

function verdictOf({ threshold, resolveBelow }: Rule, rate: number | null, value: number | null): Verdict {
  if (rate !== null && rate < SKEW_RATE_MIN * resolveBelow) return "calm";
  if (rate === null || value === null) return "unknown";
  if (value >= threshold && rate >= SKEW_RATE_MIN) return "hot";
  return value < threshold * resolveBelow ? "calm" : "between";
}

function meanOf(counts: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const count of counts) {
    if (count === null) return null;
    sum += count;
  }
  return counts.length === 0 ? null : sum / counts.length;
}
