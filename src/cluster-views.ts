import type { ClusterAggregator } from "./cluster-aggregator.ts";
import type { Config } from "./config/schema.ts";
import { defaultWindowMs, type HotKeys } from "./http/views.ts";
import type { TargetCoverage } from "./model/coverage.ts";
import type { Heat } from "./model/heat.ts";
import type { Incident, IncidentStatus } from "./model/incident.ts";
import type { Clock } from "./runtime/clock.ts";
import { mergeTops } from "./windows/heat-board.ts";

/** Who last told of a target that two claim to own speaks for it; a blind one may only be another's blindness. */
const COVERAGE_LASTS_MS = 10_000;

/** What one of several aggregators shows: of all clusters, whoever owns them. */
export class ClusterViews {
  readonly #aggregator: ClusterAggregator;
  readonly #config: Config;
  readonly #clock: Clock;

  constructor(aggregator: ClusterAggregator, config: Config, clock: Clock) {
    this.#aggregator = aggregator;
    this.#config = config;
    this.#clock = clock;
  }

  hotkeys(cluster: string, windowMs: number, limit: number): HotKeys {
    const nowMs = this.#clock.now();
    const own = this.#ownTops(cluster, windowMs, limit);
    const others = this.#aggregator.board.tops(cluster, windowMs, this.#ownPartitions(), nowMs);
    return mergeTops([...own, ...others], limit, nowMs);
  }

  /** Newest first; those that this process judges with their figures of now. */
  incidents({
    status,
    limit,
  }: {
    readonly status?: IncidentStatus;
    readonly limit: number;
  }): readonly Incident[] {
    const { view, incidents } = this.#aggregator;
    const all = new Map(Array.from(view.incidents(), (incident) => [incident.id, incident]));
    for (const incident of incidents.active()) all.set(incident.id, incident);
    const wanted = [...all.values()].filter((incident) => status === undefined || incident.status === status);
    return wanted.sort((one, other) => other.startedAtMs - one.startedAtMs).slice(0, limit);
  }

  /** One that this process judges with its figures of now; `undefined`: nobody knows it. */
  incident(id: string): Incident | undefined {
    const { view, incidents } = this.#aggregator;
    const own = incidents.get(id);
    return own === undefined || own.status === "resolved" ? (view.incident(id) ?? own) : own;
  }

  /** By cluster and target. */
  coverage(): readonly TargetCoverage[] {
    const nowMs = this.#clock.now();
    const byName = new Map<string, TargetCoverage>();
    const told = this.#aggregator.board.coverage(this.#ownPartitions(), nowMs);
    for (const { atMs, targets } of told) {
      const isOld = nowMs - atMs > COVERAGE_LASTS_MS;
      // Nobody owns that cluster just now: what is seen of it is not known.
      for (const target of targets)
        byName.set(nameOf(target), isOld ? { ...target, state: "blind" } : target);
    }
    for (const target of this.ownCoverage()) byName.set(nameOf(target), target);
    return [...byName].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, target]) => target);
  }

  /** Of the clusters that this process owns. */
  ownCoverage(): readonly TargetCoverage[] {
    const { targets } = this.#aggregator;
    return targets.coverage(this.#clock.now(), (cluster) => this.#aggregator.isOwnerOf(cluster));
  }

  /** The hottest keys that this process counts: metrics of all instances add up. */
  ownHottest(limit: number): readonly Heat[] {
    const windowMs = defaultWindowMs(this.#config.windows);
    const clusters = Array.from(this.#aggregator.lanes(), ({ windows }) => windows.clusters()).flat();
    const heats = [...new Set(clusters)].flatMap((cluster) =>
      this.#ownTops(cluster, windowMs, limit).flatMap((top) => top.heats),
    );
    return heats
      .sort((one, other) => other.counts.total.estimate - one.counts.total.estimate)
      .slice(0, limit);
  }

  #ownTops(cluster: string, windowMs: number, limit: number): HotKeys[] {
    const lanes = [...this.#aggregator.lanes()].filter(({ windows }) => windows.clusters().includes(cluster));
    return lanes.map(({ windows, isCaughtUp }) => {
      const top = windows.top(cluster, windowMs, limit);
      return isCaughtUp ? top : { ...top, complete: false };
    });
  }

  #ownPartitions(): ReadonlySet<number> {
    return new Set(Array.from(this.#aggregator.lanes(), ({ partition }) => partition));
  }
}

function nameOf({ cluster, target }: TargetCoverage): string {
  return `${cluster} ${target}`;
}
