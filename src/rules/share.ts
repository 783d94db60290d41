import type { Rule } from "../config/schema.ts";
import type { Heat } from "../model/heat.ts";
import type { Verdict } from "../model/verdict.ts";
import { countAt, type Judgement, type KeyRule, severityAt } from "./rule.ts";

/** A server that runs less has no hot share: half of five accesses is not worth a page. */
export const QUIET_PER_SECOND = 100;

/** The share that a key takes of all accesses of its server. */
export function shareRule(rule: Rule): KeyRule {
  const least = countAt(rule.threshold * QUIET_PER_SECOND, rule.window);
  return { rule, screen: { at: "hop", of: "total", least }, judge: (heat) => judgeShare(rule, heat) };
}

/**
 * Fires on the share that is sure, and clears by what the key has at most of what its server ran. Where that is not known
 * nothing is said; a server that is known to be quiet has no hot key.
 */
export function judgeShare(rule: Rule, heat: Heat): Judgement {
  const value = heat.shareOfTarget;
  return {
    verdict: verdictOf(rule, heat),
    severity: value === null ? rule.severity : severityAt(rule, value),
    measure: { unit: "share", value, threshold: rule.threshold, baseline: null },
  };
}

function verdictOf(rule: Rule, { shareOfTarget, clearing, grounds }: Heat): Verdict {
  const ran = grounds?.targetCount ?? null;
  if (ran === null) return "unknown";
  if (ran < countAt(QUIET_PER_SECOND, rule.window)) return "calm";
  if (shareOfTarget !== null && shareOfTarget >= Math.max(rule.threshold, rule.minShare)) return "hot";
  if (clearing.total === null) return "unknown";
  return clearing.total / ran < rule.threshold * rule.resolveBelow ? "calm" : "between";
}
