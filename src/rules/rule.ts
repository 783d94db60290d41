import type { Rule } from "../config/schema.ts";
import type { HeatKind } from "../model/access.ts";
import type { Heat } from "../model/heat.ts";
import type { Severity } from "../model/incident.ts";
import type { Measure } from "../model/measure.ts";
import type { Verdict } from "../model/verdict.ts";

/** What a rule says of one subject at one time. */
export interface Judgement {
  readonly verdict: Verdict;
  /** Of an incident, where the verdict is `hot`. */
  readonly severity: Severity;
  readonly measure: Measure;
}

/** Below this count of this kind, in the rule's window, no heat makes the rule hold: cheap to ask before a heat is read. */
export interface Screen {
  readonly kind: HeatKind;
  readonly count: number;
}

/** A rule that judges keys by their heat. A new one implements this and adds its line to `rule-set.ts`. */
export interface KeyRule {
  readonly rule: Rule;
  /** A rise is looked for as each part arrives, on the running window; `null`: only at closed hops. */
  readonly screen: Screen | null;
  judge(heat: Heat): Judgement;
}

/** The severity where the rule holds with this value. */
export function severityAt({ severity, criticalAt }: Rule, value: number): Severity {
  return criticalAt !== undefined && value >= criticalAt ? "critical" : severity;
}
