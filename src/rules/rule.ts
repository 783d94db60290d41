import type { Rule } from "../config/schema.ts";
import type { HeatKind } from "../model/access.ts";
import type { Heat } from "../model/heat.ts";
import type { Severity } from "../model/incident.ts";
import type { Measure } from "../model/measure.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Usual } from "./usual.ts";

/** What a rule says of one subject at one time. */
export interface Judgement {
  readonly verdict: Verdict;
  /** Of an incident, where the verdict is `hot`. */
  readonly severity: Severity;
  readonly measure: Measure;
}

/** What no heat is below that makes the rule hold, in the rule's window: cheap to ask before a heat is read. */
export interface Screen {
  /** A rise is looked for as each part arrives, on the running window, whose sums only grow; or at closed hops alone. */
  readonly at: "part" | "hop";
  readonly of: HeatKind | "bytes";
  readonly least: number;
}

/** A rule that judges keys by their heat. A new one implements this and adds its line to `rule-set.ts`. */
export interface KeyRule {
  readonly rule: Rule;
  readonly screen: Screen;
  /** `usual`: what is usual of the key, for `surge`; it is told what was seen. Judge each hop once. */
  judge(heat: Heat, usual: Usual | null): Judgement;
}

/** The severity where the rule holds with this value. */
export function severityAt({ severity, criticalAt }: Rule, value: number): Severity {
  return criticalAt !== undefined && value >= criticalAt ? "critical" : severity;
}

/** An unknown share holds nothing back. */
export function hasShare({ minShare }: Rule, { shareOfTarget }: Heat): boolean {
  return shareOfTarget === null || shareOfTarget >= minShare;
}

/** How many accesses (or bytes) a rate makes in a window. */
export function countAt(ratePerSecond: number, windowMs: number): number {
  return (ratePerSecond * windowMs) / 1000;
}
