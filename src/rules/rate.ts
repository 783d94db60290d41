import type { RateRule } from "../config/schema.ts";
import { compileGlobs } from "../model/glob.ts";
import { firingCount, type Heat } from "../model/heat.ts";
import type { Severity } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import { matchedBytes } from "../model/redacted-key.ts";
import type { Verdict } from "../model/verdict.ts";

/**
 * The rule fires on what is sure, or under sampling likely (`firingCount`), and clears on what is at most so
 * (`clearing`): blind is not quiet.
 */
export function judge(rule: RateRule, heat: Heat): Verdict {
  const count = firingCount(heat.counts[rule.kind]);
  if (count >= countAt(rule.threshold, rule.window) && hasShare(rule, heat)) return "hot";
  const clearing = heat.clearing[rule.kind];
  if (clearing === null) return "unknown";
  return clearing < countAt(rule.threshold * rule.resolveBelow, rule.window) ? "calm" : "between";
}

/** Severity of a heat for which the rule holds. */
export function severityOf(rule: RateRule, heat: Heat): Severity {
  if (rule.criticalAt === undefined) return rule.severity;
  const count = firingCount(heat.counts[rule.kind]);
  return count >= countAt(rule.criticalAt, rule.window) ? "critical" : rule.severity;
}

/** Whether the rule judges this key at all. A cut key is matched by its first 1 KiB, a redacted one by its label. */
export function ruleMatches(rule: RateRule, key: Key): boolean {
  const { matchesCluster, matchesKey } = matcherOf(rule);
  return matchesCluster(key.cluster) && matchesKey(matchedBytes(key.bytes));
}

/** An unknown share holds nothing back. */
function hasShare(rule: RateRule, heat: Heat): boolean {
  return heat.shareOfTarget === null || heat.shareOfTarget >= rule.minShare;
}

function countAt(ratePerSecond: number, windowMs: number): number {
  return (ratePerSecond * windowMs) / 1000;
}

interface Matcher {
  readonly matchesCluster: (cluster: string) => boolean;
  readonly matchesKey: (key: Uint8Array) => boolean;
}

/** Rules live until the next reload, and their globs with them. */
const matchers = new WeakMap<RateRule, Matcher>();

function matcherOf(rule: RateRule): Matcher {
  let matcher = matchers.get(rule);
  if (!matcher) {
    const clusterGlob = compileGlobs([rule.match.cluster]);
    const matchesKey = compileGlobs([rule.match.key]);
    matcher = { matchesCluster: (cluster) => clusterGlob(Buffer.from(cluster)), matchesKey };
    matchers.set(rule, matcher);
  }
  return matcher;
}
