import type { RateRule } from "../config/schema.ts";
import type { Heat } from "../model/heat.ts";
import type { Severity } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import { judge, ruleMatches, severityOf, type Verdict } from "./rate.ts";

/** What one rule says of one key. */
export interface Evaluation {
  readonly rule: RateRule;
  readonly heat: Heat;
  readonly verdict: Verdict;
  readonly severity: Severity;
}

/**
 * Judges a key by every rule that matches it, in the rules' order.
 *
 * `heatOf` gives its heat in a window of so many ms; it is asked once a window.
 */
export function evaluate(
  rules: readonly RateRule[],
  key: Key,
  heatOf: (windowMs: number) => Heat,
): readonly Evaluation[] {
  const heats = new Map<number, Heat>();
  return rules
    .filter((rule) => ruleMatches(rule, key))
    .map((rule) => {
      const heat = heats.get(rule.window) ?? heatOf(rule.window);
      heats.set(rule.window, heat);
      return { rule, heat, verdict: judge(rule, heat), severity: severityOf(rule, heat) };
    });
}
