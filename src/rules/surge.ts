import type { Rule } from "../config/schema.ts";
import { firingCount, type Heat, ratePerSecond } from "../model/heat.ts";
import type { Verdict } from "../model/verdict.ts";
import { deviations } from "./baseline.ts";
import { countAt, hasShare, type Judgement, type KeyRule, severityAt } from "./rule.ts";
import type { Usual } from "./usual.ts";

/** A surge is at least so many times what is usual. */
export const SURGE_FACTOR = 3;
const DEVIATIONS_MIN = 6;
/** It stands out in 2 of 3 hops in a row. */
const STANDS_OUT_WITHIN_HOPS = 2;
const CALM_HOPS = 3;

/** Accesses far above what is usual of the key itself. Source: SKETCH section 4. */
export function surgeRule(rule: Rule): KeyRule {
  const least = countAt(rule.threshold, rule.window);
  return {
    rule,
    screen: { at: "hop", of: rule.kind, least },
    judge: (heat, usual) => judgeSurge(rule, heat, usual),
  };
}

/**
 * Fires where a key surely has three times what is usual, at least the threshold, and more than its noise explains, in two
 * of three hops; is calm after three hops surely below `resolveBelow` of what it was held against.
 *
 * A key without a past has nothing usual: it surges where it passes the threshold. That is on purpose, a new key at
 * 1,000/s is what somebody wants to hear of; where keys come and go the threshold is to be above what they have.
 */
export function judgeSurge(rule: Rule, heat: Heat, usual: Usual | null): Judgement {
  const count = firingCount(heat.counts[rule.kind]);
  const value = ratePerSecond(count, rule.window);
  const mean = usual?.baseline.mean ?? 0;
  const surge = Math.max(countAt(rule.threshold, rule.window), SURGE_FACTOR * mean);
  return {
    verdict: usual === null ? "unknown" : verdictOf(rule, heat, usual, surge),
    severity: severityAt(rule, value),
    measure: {
      unit: "accesses/s",
      value,
      threshold: ratePerSecond(surge, rule.window),
      baseline: usual === null ? null : ratePerSecond(mean, rule.window),
    },
  };
}

function verdictOf(rule: Rule, heat: Heat, usual: Usual, surge: number): Verdict {
  const count = firingCount(heat.counts[rule.kind]);
  const isOut = count >= surge && deviations(usual.baseline, count) >= DEVIATIONS_MIN && hasShare(rule, heat);
  if (isOut) return standsOut(usual, heat.asOfMs) ? "hot" : "between";
  const clearing = heat.clearing[rule.kind];
  usual.calmHops = clearing !== null && clearing < surge * rule.resolveBelow ? usual.calmHops + 1 : 0;
  if (clearing === null) return "unknown";
  return usual.calmHops >= CALM_HOPS ? "calm" : "between";
}

/** Notes that it stands out now. Whether it did in one of the two hops before, too. */
function standsOut(usual: Usual, asOfMs: number): boolean {
  const { stoodOutMs, hopMs } = usual;
  usual.stoodOutMs = asOfMs;
  usual.calmHops = 0;
  return asOfMs > stoodOutMs && asOfMs - stoodOutMs <= STANDS_OUT_WITHIN_HOPS * hopMs;
}
