import type { TargetCoverage } from "../model/coverage.ts";
import type { Heat } from "../model/heat.ts";
import type { StageBooks } from "../runtime/accounting.ts";

/** What one tap (a source at a target) has seen since the start. */
export interface TapMetrics {
  readonly source: string;
  readonly cluster: string;
  readonly target: string;
  /** Gaps by reason. */
  readonly gaps: Readonly<Record<string, number>>;
  /** Events by name. */
  readonly events: Readonly<Record<string, number>>;
  /** Estimate; `null`: not known. */
  readonly distinctKeys: number | null;
  /** How long after its end the last pane was published; `null`: none yet. */
  readonly paneLagSeconds: number | null;
}

/** What the metrics show. Asked at each collection. */
export interface MetricViews {
  /** Books of one stage may come in several pieces; they are added. */
  books(): readonly StageBooks[];
  /** The hottest keys of all clusters now, ranked, at most `limit`. */
  hotkeys(limit: number): readonly Heat[];
  firing(): readonly { readonly cluster: string; readonly rule: string; readonly count: number }[];
  coverage(): readonly TargetCoverage[];
  notifications(): readonly { readonly receiver: string; readonly outcome: string; readonly count: number }[];
  /** Keys in the hot sets of the clusters that this process owns. */
  leases(): readonly { readonly cluster: string; readonly count: number }[];
  taps(): readonly TapMetrics[];
  /** How many lines `/readyz` has of what is missing. */
  problems(): number;
}
