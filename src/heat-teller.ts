import type { Config } from "./config/schema.ts";
import type { BaselineSeries } from "./model/baseline.ts";
import type { TargetCoverage } from "./model/coverage.ts";
import type { Demand } from "./model/demand.ts";
import type { ClusterHeats, HeatSnapshot } from "./model/heat-snapshot.ts";
import type { PanesLane } from "./panes-lane.ts";
import type { Windows } from "./windows/windows.ts";

/** How many of a partition's hottest keys other aggregators are told of, for each window and cluster. */
const TOLD_KEYS = 100;
const TELL_EVERY_MS = 1000;
/** The same while nothing is accessed and no target changes its state: each record costs every aggregator. */
const QUIET_TELL_EVERY_MS = 2500;
/** What is usual of keys changes slowly, and is as much as all the rest. */
const TELL_BASELINES_EVERY_MS = 10_000;

export interface HeatTellerOptions {
  readonly config: Pick<Config, "windows">;
  readonly instance: string;
  /** What is seen of a cluster's targets, where a partition's owner is the cluster's; else `null`. */
  readonly coverageOf: (cluster: string, partition: number) => readonly TargetCoverage[] | null;
  /** What is usual of the keys of a cluster. */
  readonly baselinesOf: (windows: Windows, cluster: string) => readonly BaselineSeries[];
  /** Which keys of a cluster are wanted, where another process has to know. */
  readonly demandsOf: (windows: Windows, cluster: string) => readonly Demand[];
  readonly tell: (snapshot: HeatSnapshot) => void;
}

/** Tells the other aggregators, once a second, what is hottest on each partition of this process. */
export class HeatTeller {
  readonly #options: HeatTellerOptions;
  #toldAtMs = 0;
  #toldBaselinesAtMs = 0;
  /** By partition, of what was told last. */
  readonly #told = new Map<number, { readonly atMs: number; readonly states: string }>();

  constructor(options: HeatTellerOptions) {
    this.#options = options;
  }

  /** Cheap where it is not yet time. */
  tick(lanes: Iterable<PanesLane>, nowMs: number): void {
    if (Math.abs(nowMs - this.#toldAtMs) < TELL_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    const withBaselines = Math.abs(nowMs - this.#toldBaselinesAtMs) >= TELL_BASELINES_EVERY_MS;
    if (withBaselines) this.#toldBaselinesAtMs = nowMs;
    for (const lane of lanes) {
      if (!lane.isCaughtUp) continue;
      const snapshot = this.#snapshotOf(lane, withBaselines, nowMs);
      if (this.#isWorthTelling(snapshot)) this.#options.tell(snapshot);
    }
  }

  /** Of a partition that nobody writes to there is nothing to tell. */
  #isWorthTelling({ partition, atMs, clusters }: HeatSnapshot): boolean {
    if (clusters.length === 0) return false;
    const hasKeys = clusters.some(
      ({ windows, baselines, demands }) =>
        baselines.length + demands.length > 0 || windows.some(({ heats }) => heats.length > 0),
    );
    const states = JSON.stringify(
      clusters.map(({ cluster, coverage }) => [
        cluster,
        coverage?.map(({ target, state }) => [target, state]),
      ]),
    );
    const before = this.#told.get(partition);
    const isRecent = before !== undefined && Math.abs(atMs - before.atMs) < QUIET_TELL_EVERY_MS;
    if (!hasKeys && isRecent && before.states === states) return false;
    this.#told.set(partition, { atMs, states });
    return true;
  }

  #snapshotOf({ partition, windows }: PanesLane, withBaselines: boolean, nowMs: number): HeatSnapshot {
    const { instance, config, coverageOf, baselinesOf, demandsOf } = this.#options;
    const clusters = windows.clusters().map(
      (cluster): ClusterHeats => ({
        cluster,
        windows: config.windows.map((windowMs) => ({
          windowMs,
          ...windows.top(cluster, windowMs, TOLD_KEYS),
        })),
        coverage: coverageOf(cluster, partition),
        baselines: withBaselines ? baselinesOf(windows, cluster) : [],
        demands: demandsOf(windows, cluster),
      }),
    );
    return { partition, instance, atMs: nowMs, clusters };
  }
}
