import type { BaselineSeries } from "./baseline.ts";
import type { TargetCoverage } from "./coverage.ts";
import type { Demand } from "./demand.ts";
import type { Heat } from "./heat.ts";

/** The hottest keys of one cluster in one closed window, of the buckets of one panes partition. */
export interface WindowHeats {
  readonly windowMs: number;
  /** End of the window, ms since 1970. */
  readonly asOfMs: number;
  readonly complete: boolean;
  /** Ranked by the estimate of their total, hottest first. */
  readonly heats: readonly Heat[];
}

export interface ClusterHeats {
  readonly cluster: string;
  readonly windows: readonly WindowHeats[];
  /** What is seen of its targets, as the cluster's owner knows it; `null` from the owners of its other buckets. */
  readonly coverage: readonly TargetCoverage[] | null;
  /** What is usual of its keys, where rules ask for it; told every few seconds, empty between. */
  readonly baselines: readonly BaselineSeries[];
  /** Its keys whose reads are wanted most, in the shortest window, whoever answers them; hottest first. */
  readonly demands: readonly Demand[];
}

/** What the owner of a panes partition tells all aggregators at each hop: `heat` topic, key: the partition. */
export interface HeatSnapshot {
  readonly partition: number;
  /** Name of the aggregator process. */
  readonly instance: string;
  /** When it was made, ms since 1970. */
  readonly atMs: number;
  readonly clusters: readonly ClusterHeats[];
}
