import type { LeaseTerms } from "./config/hot-set.ts";
import { byDemand, type DemandLook } from "./model/demand.ts";
import type { Lease } from "./model/hot-set.ts";
import type { PanesLane } from "./panes-lane.ts";
import type { HeatBoard } from "./windows/heat-board.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { Windows } from "./windows/windows.ts";

export interface DemandSources {
  readonly config: { readonly windows: readonly number[]; readonly hotSet: LeaseTerms };
  /** What servers say of themselves, and clients of them. */
  readonly targets: TargetTable;
  /** Of which keys of a cluster there are leases, as far as is known. */
  readonly leasesOf: (cluster: string) => readonly Lease[];
}

/** The keys of a cluster that a lease may be opened for, or kept, by windows of this process; in the shortest of them. */
export function demandsIn(
  windows: Windows,
  cluster: string,
  { config, targets, leasesOf }: DemandSources,
): DemandLook {
  const { enabled, threshold, keepAbove, max, allowUncorroborated } = config.hotSet;
  if (!enabled) return { demands: [], complete: true };
  const windowMs = shortest(config);
  return windows.demands(cluster, windowMs, {
    leased: leasesOf(cluster).slice(0, max),
    keptPerSecond: keepAbove * threshold,
    openedPerSecond: threshold,
    limit: max,
    byClaims: allowUncorroborated,
    overclaimed: (target) => targets.overclaimed(cluster, target, windowMs),
  });
}

/** The same over all partitions of a cluster: those of this process, and what the owners of the others tell. */
export function demandsOver(
  cluster: string,
  nowMs: number,
  { lanes, board, ...sources }: DemandSources & Lanes,
): DemandLook {
  const looks: DemandLook[] = [];
  const own = new Set<number>();
  for (const { partition, windows, isCaughtUp } of lanes) {
    own.add(partition);
    // One that is being read again may yet bring the cluster's keys.
    if (isCaughtUp && !windows.clusters().includes(cluster)) continue;
    const look = demandsIn(windows, cluster, sources);
    looks.push({ ...look, complete: look.complete && isCaughtUp });
  }
  looks.push(...board.demands(cluster, shortest(sources.config), own, nowMs));
  return {
    demands: looks.flatMap(({ demands }) => demands).sort(byDemand),
    complete: looks.length > 0 && looks.every(({ complete }) => complete),
  };
}

interface Lanes {
  readonly lanes: Iterable<PanesLane>;
  readonly board: HeatBoard;
}

function shortest({ windows }: DemandSources["config"]): number {
  return Math.min(...windows);
}
