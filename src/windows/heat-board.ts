import type { TargetCoverage } from "../model/coverage.ts";
import type { DemandLook } from "../model/demand.ts";
import type { Heat } from "../model/heat.ts";
import type { ClusterHeats, HeatSnapshot } from "../model/heat-snapshot.ts";
import type { TopHeats } from "./windows.ts";

/** Snapshots come each second. One that is so much older speaks no longer of all the cluster has. */
const FRESH_MS = 5000;
const KEPT_MS = 300_000;

/** What the owners of panes partitions told last: together they know the whole of every cluster. */
export class HeatBoard {
  readonly #snapshots = new Map<number, HeatSnapshot>();
  /** The last ones that told baselines. */
  readonly #baselines = new Map<number, HeatSnapshot>();

  /**
   * A snapshot that is older than what is known changes nothing. One from the future counts as told now: of those that
   * follow each would be older.
   */
  put(snapshot: HeatSnapshot, nowMs: number): void {
    const known = this.#snapshots.get(snapshot.partition);
    const atMs = Math.min(snapshot.atMs, nowMs);
    if (known !== undefined && known.atMs > atMs) return;
    this.#snapshots.set(snapshot.partition, { ...snapshot, atMs });
    if (snapshot.clusters.some(({ baselines }) => baselines.length > 0))
      this.#baselines.set(snapshot.partition, { ...snapshot, atMs });
  }

  /** What the owner of a partition has told last of what is usual of its keys, cluster by cluster. */
  baselines(partition: number, nowMs: number): readonly Pick<ClusterHeats, "cluster" | "baselines">[] {
    this.#forgetOld(nowMs);
    return this.#baselines.get(partition)?.clusters ?? [];
  }

  /** Clusters that some partition has something of. */
  clusters(): readonly string[] {
    const names = [...this.#snapshots.values()].flatMap(({ clusters }) =>
      clusters.map(({ cluster }) => cluster),
    );
    return [...new Set(names)];
  }

  /**
   * What other processes tell of a cluster's hottest keys in a window, a list for each partition but those in `own`.
   *
   * A partition of which nothing was heard for 5 s is not complete, and one that is silent for longer than the window
   * has no keys any more.
   */
  tops(cluster: string, windowMs: number, own: ReadonlySet<number>, nowMs: number): readonly TopHeats[] {
    this.#forgetOld(nowMs);
    const tops: TopHeats[] = [];
    for (const [partition, { atMs, clusters }] of this.#snapshots) {
      if (own.has(partition)) continue;
      const heats = clusters.find((heats) => heats.cluster === cluster);
      const window = heats?.windows.find((window) => window.windowMs === windowMs);
      if (window === undefined) continue;
      const isFresh = nowMs - atMs <= FRESH_MS;
      const isOver = nowMs - atMs > windowMs;
      tops.push({
        asOfMs: window.asOfMs,
        complete: window.complete && isFresh,
        heats: isOver ? [] : window.heats,
      });
    }
    return tops;
  }

  /**
   * What other processes tell of the keys of a cluster that are wanted most, a list for each partition but those in `own`:
   * in a window of `windowMs`, complete where that is. One of which nothing was heard for 5 s tells nothing.
   */
  demands(cluster: string, windowMs: number, own: ReadonlySet<number>, nowMs: number): readonly DemandLook[] {
    this.#forgetOld(nowMs);
    const looks: DemandLook[] = [];
    for (const [partition, { atMs, clusters }] of this.#snapshots) {
      const heats = clusters.find((heats) => heats.cluster === cluster);
      if (own.has(partition) || heats === undefined) continue;
      const isFresh = nowMs - atMs <= FRESH_MS;
      const window = heats.windows.find((window) => window.windowMs === windowMs);
      looks.push({
        demands: isFresh ? heats.demands : [],
        complete: isFresh && (window?.complete ?? false),
      });
    }
    return looks;
  }

  /** What other processes tell of the targets of clusters that they own. */
  coverage(
    own: ReadonlySet<number>,
    nowMs: number,
  ): readonly { atMs: number; targets: readonly TargetCoverage[] }[] {
    this.#forgetOld(nowMs);
    return [...this.#snapshots]
      .filter(([partition]) => !own.has(partition))
      .flatMap(([, { atMs, clusters }]) =>
        clusters.flatMap(({ coverage }) => (coverage === null ? [] : [{ atMs, targets: coverage }])),
      );
  }

  #forgetOld(nowMs: number): void {
    for (const snapshots of [this.#snapshots, this.#baselines]) {
      for (const [partition, { atMs }] of snapshots) {
        if (nowMs - atMs > KEPT_MS) snapshots.delete(partition);
      }
    }
  }
}

/** The hottest keys of several lists that share no key. */
export function mergeTops(tops: readonly TopHeats[], limit: number, nowMs: number): TopHeats {
  if (tops.length === 0) return { asOfMs: nowMs, complete: false, heats: [] };
  const heats = tops.flatMap((top) => top.heats);
  return {
    // Windows of different partitions close at different moments: the oldest is true of all.
    asOfMs: Math.min(...tops.map(({ asOfMs }) => asOfMs)),
    complete: tops.every(({ complete }) => complete),
    heats: heats.sort(byEstimate).slice(0, limit),
  };
}

function byEstimate(one: Heat, other: Heat): number {
  const difference = other.counts.total.estimate - one.counts.total.estimate;
  return difference || one.key.db - other.key.db || Buffer.compare(one.key.bytes, other.key.bytes);
}
