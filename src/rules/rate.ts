import type { Rule } from "../config/schema.ts";
import { firingCount, type Heat, ratePerSecond } from "../model/heat.ts";
import { countAt, hasShare, type Judgement, type KeyRule, severityAt } from "./rule.ts";

/** Accesses of one kind per second. */
export function rateRule(rule: Rule): KeyRule {
  const least = countAt(rule.threshold, rule.window);
  return { rule, screen: { at: "part", of: rule.kind, least }, judge: (heat) => judgeRate(rule, heat) };
}

/**
 * Fires on what is sure, or under sampling likely (`firingCount`), and clears on what is at most so (`clearing`): blind
 * is not quiet.
 */
export function judgeRate(rule: Rule, heat: Heat): Judgement {
  const value = ratePerSecond(firingCount(heat.counts[rule.kind]), rule.window);
  return {
    verdict: verdictOf(rule, heat),
    severity: severityAt(rule, value),
    measure: { unit: "accesses/s", value, threshold: rule.threshold, baseline: null },
  };
}

function verdictOf(rule: Rule, heat: Heat) {
  const count = firingCount(heat.counts[rule.kind]);
  if (count >= countAt(rule.threshold, rule.window) && hasShare(rule, heat)) return "hot";
  const clearing = heat.clearing[rule.kind];
  if (clearing === null) return "unknown";
  return clearing < countAt(rule.threshold * rule.resolveBelow, rule.window) ? "calm" : "between";
}
