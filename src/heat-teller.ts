import type { Config } from "./config/schema.ts";
import type { TargetCoverage } from "./model/coverage.ts";
import type { ClusterHeats, HeatSnapshot } from "./model/heat-snapshot.ts";
import type { PanesLane } from "./panes-lane.ts";

/** How many of a partition's hottest keys other aggregators are told of, for each window and cluster. */
const TOLD_KEYS = 100;
const TELL_EVERY_MS = 1000;

export interface HeatTellerOptions {
  readonly config: Pick<Config, "windows">;
  readonly instance: string;
  /** What is seen of a cluster's targets, where a partition's owner is the cluster's; else `null`. */
  readonly coverageOf: (cluster: string, partition: number) => readonly TargetCoverage[] | null;
  readonly tell: (snapshot: HeatSnapshot) => void;
}

/** Tells the other aggregators, once a second, what is hottest on each partition of this process. */
export class HeatTeller {
  readonly #options: HeatTellerOptions;
  #toldAtMs = 0;

  constructor(options: HeatTellerOptions) {
    this.#options = options;
  }

  /** Cheap where it is not yet time. */
  tick(lanes: Iterable<PanesLane>, nowMs: number): void {
    if (Math.abs(nowMs - this.#toldAtMs) < TELL_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    for (const lane of lanes) {
      if (!lane.isCaughtUp) continue;
      const snapshot = this.#snapshotOf(lane, nowMs);
      // Of a partition that nobody writes to there is nothing to tell.
      if (snapshot.clusters.length > 0) this.#options.tell(snapshot);
    }
  }

  #snapshotOf({ partition, windows }: PanesLane, nowMs: number): HeatSnapshot {
    const { instance, config, coverageOf } = this.#options;
    const clusters = windows.clusters().map(
      (cluster): ClusterHeats => ({
        cluster,
        windows: config.windows.map((windowMs) => ({
          windowMs,
          ...windows.top(cluster, windowMs, TOLD_KEYS),
        })),
        coverage: coverageOf(cluster, partition),
      }),
    );
    return { partition, instance, atMs: nowMs, clusters };
  }
}
