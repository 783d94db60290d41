import type { TargetReport } from "../model/target.ts";
import type { TopologyReport } from "../model/topology.ts";
import { RosterCluster } from "./roster-cluster.ts";

const CLUSTERS_MAX = 256;
const TARGETS_MAX = 20_000;
/** A view of the members changes every few seconds at most. */
const JUDGED_EVERY_MS = 500;

export interface GoneTarget {
  readonly cluster: string;
  readonly target: string;
}

/**
 * Which targets belong to their clusters, as the agents' views say.
 *
 * A target is gone when a view that has a say is there, and none of those has listed it for 3 s. In Cluster mode only
 * views that cover as many slots as the best one have a say: a node that was reset or cut off knows only itself. Outside
 * Cluster mode nobody sees the whole, so of a target only the agents that have reported it have a say; where nobody is
 * known to have, all do. Views are fresh for 10 s: without a fresh one nothing is gone, for blind is not quiet.
 *
 * Memory: at most 256 clusters, 1,000 agents a cluster, 20,000 targets in all; what is beyond is left alone, and never
 * gone.
 */
export class Roster {
  readonly #clusters = new Map<string, RosterCluster>();
  #targets = 0;
  #judgedMs = Number.NEGATIVE_INFINITY;

  noteView(report: TopologyReport, nowMs: number): void {
    this.#clusterOf(report.cluster)?.noteView(report, nowMs);
  }

  noteReport({ cluster, target, agent }: TargetReport, nowMs: number): void {
    this.#note(cluster, target, nowMs)?.noteReporter(target, agent, nowMs);
  }

  /** There is reason to think that there is such a target: an incident of an earlier run. */
  noteTarget(cluster: string, target: string, nowMs: number): void {
    this.#note(cluster, target, nowMs);
  }

  /** Those that are gone since the last call, of the clusters that `isAsked` names; others are told of later. */
  gone(nowMs: number, isAsked: (cluster: string) => boolean = () => true): readonly GoneTarget[] {
    if (Math.abs(nowMs - this.#judgedMs) < JUDGED_EVERY_MS) return [];
    this.#judgedMs = nowMs;
    const gone: GoneTarget[] = [];
    for (const [name, cluster] of this.#clusters) {
      if (isAsked(name)) for (const target of cluster.gone(nowMs)) gone.push({ cluster: name, target });
      this.#targets -= cluster.forgetSilent(nowMs);
      if (cluster.isEmpty) this.#clusters.delete(name);
    }
    return gone;
  }

  /** Whether reports of the target count: not while it is gone. */
  isMember(cluster: string, target: string): boolean {
    return this.#clusters.get(cluster)?.isMember(target) ?? true;
  }

  #note(cluster: string, target: string, nowMs: number): RosterCluster | null {
    const known = this.#clusterOf(cluster);
    if (!known || (!known.knows(target) && this.#targets >= TARGETS_MAX)) return null;
    if (known.note(target, nowMs)) this.#targets++;
    return known;
  }

  #clusterOf(name: string): RosterCluster | null {
    const known = this.#clusters.get(name);
    if (known || this.#clusters.size >= CLUSTERS_MAX) return known ?? null;
    const cluster = new RosterCluster();
    this.#clusters.set(name, cluster);
    return cluster;
  }
}
