import type { HeatKind } from "./access.ts";

/** What is usual of one key, in accesses of one window. */
export interface KeyBaseline {
  readonly db: number;
  /** The kept form of the key. */
  readonly key: Uint8Array;
  readonly mean: number;
  /** Variance over mean, at least 1. */
  readonly dispersion: number;
  /** The latest counts, oldest first, which `mean` does not know yet. */
  readonly lagged: readonly number[];
}

/** What is usual of a cluster's hottest keys on one panes partition, for accesses of one kind in windows of one length. */
export interface BaselineSeries {
  readonly kind: HeatKind;
  readonly windowMs: number;
  /** How many windows it has seen. */
  readonly counted: number;
  /** What any key that is not among `keys` has at most. */
  readonly others: Pick<KeyBaseline, "mean" | "lagged">;
  readonly keys: readonly KeyBaseline[];
}
