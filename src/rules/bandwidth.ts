import type { Rule } from "../config/schema.ts";
import { type Heat, ratePerSecond } from "../model/heat.ts";
import type { Verdict } from "../model/verdict.ts";
import { countAt, hasShare, type Judgement, type KeyRule, severityAt } from "./rule.ts";

/** Bytes of requests and replies per second, as clients report them. */
export function bandwidthRule(rule: Rule): KeyRule {
  const least = countAt(rule.threshold, rule.window);
  return { rule, screen: { at: "part", of: "bytes", least }, judge: (heat) => judgeBandwidth(rule, heat) };
}

/**
 * Fires on the bytes that are known, of which there may be more; is calm where they are below and clients still report.
 * Where nobody tells any, nothing is known: that is not 0.
 */
export function judgeBandwidth(rule: Rule, heat: Heat): Judgement {
  const value = heat.bytes === null ? null : ratePerSecond(heat.bytes, rule.window);
  return {
    verdict: verdictOf(rule, heat),
    severity: value === null ? rule.severity : severityAt(rule, value),
    measure: { unit: "bytes/s", value, threshold: rule.threshold, baseline: null },
  };
}

function verdictOf(rule: Rule, heat: Heat): Verdict {
  const known = heat.bytes ?? 0;
  const hot = countAt(rule.threshold, rule.window);
  if (known >= hot && hasShare(rule, heat)) return "hot";
  if (!heat.grounds?.areClientsReporting) return "unknown";
  return known < hot * rule.resolveBelow ? "calm" : "between";
}
