import type { LeaseTerms } from "./config/hot-set.ts";
import type { Config } from "./config/schema.ts";
import { byDemand, type DemandLook } from "./model/demand.ts";
import type { PanesLane } from "./panes-lane.ts";
import type { HeatBoard } from "./windows/heat-board.ts";
import type { Windows } from "./windows/windows.ts";

/** The keys of a cluster that a lease may be opened for, or kept, by the windows of one process. */
export function demandsIn(
  windows: Windows,
  cluster: string,
  { enabled, threshold, keepAbove, max }: LeaseTerms,
): DemandLook {
  if (!enabled) return { demands: [], complete: true };
  return windows.demands(cluster, Math.min(...windows.windowsMs), keepAbove * threshold, max);
}

/** The same over all partitions of a cluster: those of this process, and what the owners of the others tell. */
export function demandsOver(
  { lanes, board, config }: ClusterSources,
  cluster: string,
  nowMs: number,
): DemandLook {
  const looks: DemandLook[] = [];
  const own = new Set<number>();
  for (const { partition, windows, isCaughtUp } of lanes) {
    own.add(partition);
    if (!windows.clusters().includes(cluster)) continue;
    const look = demandsIn(windows, cluster, config.hotSet);
    looks.push({ ...look, complete: look.complete && isCaughtUp });
  }
  looks.push(...board.demands(cluster, Math.min(...config.windows), own, nowMs));
  return {
    demands: looks.flatMap(({ demands }) => demands).sort(byDemand),
    complete: looks.length > 0 && looks.every(({ complete }) => complete),
  };
}

interface ClusterSources {
  readonly lanes: Iterable<PanesLane>;
  readonly board: HeatBoard;
  readonly config: Pick<Config, "windows" | "hotSet">;
}
