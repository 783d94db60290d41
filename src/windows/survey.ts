import type { HeatKind } from "../model/access.ts";
import { type Key, keptKeySlot } from "../model/key.ts";
import type { Trail } from "../model/trail.ts";
import { viewOf } from "../panes/key-words.ts";
import type { Accumulator } from "./accumulator.ts";
import { type ClusterWindows, firingMax } from "./cluster-windows.ts";
import { type HeatReader, NO_HANDLE } from "./heat-reader.ts";
import type { HopWindow } from "./hop-window.ts";
import { targetCount, targetTotal } from "./target-share.ts";
import { trailOf } from "./trail-reader.ts";

export interface Counted {
  readonly handle: number;
  /** No rule fires on more. */
  readonly atLeast: number;
}

/** A look at the closed windows of a cluster, over all its keys, cheaper than to read the heat of each. Use it at once. */
export class Survey {
  readonly #cluster: ClusterWindows;
  readonly #reader: HeatReader;
  /** What vantages have anything in a window. */
  readonly #active = new Map<HopWindow, readonly Accumulator[]>();
  /** Of targets that were asked for, by the window. */
  readonly #targetCounts = new Map<HopWindow, Map<string, number | null>>();

  constructor(cluster: ClusterWindows, reader: HeatReader) {
    this.#cluster = cluster;
    this.#reader = reader;
  }

  /** How long a hop is. */
  get hopMs(): number {
    return this.#cluster.hopMs;
  }

  /** End of the last closed hop, ms since 1970. */
  get asOfMs(): number {
    return this.#cluster.closedEndMs;
  }

  /** Whether anything is surely known of a window: not in a gap, nor where it reaches back before the start. */
  isWatched(windowMs: number): boolean {
    return this.#cluster.completenessOf(this.#windowOf(windowMs)).isWatchedSomewhere;
  }

  /** The keys that may have at least `least` accesses surely in a window. One pass over the sums. */
  keysFrom(windowMs: number, kind: HeatKind, least: number): Counted[] {
    const window = this.#windowOf(windowMs);
    const active = this.#activeOf(window);
    const { keys } = this.#cluster;
    const counted: Counted[] = [];
    for (let handle = 0; handle < keys.handleEnd; handle++) {
      if (!keys.isHeld(handle)) continue;
      const atLeast = firingMax(active, handle, kind);
      if (atLeast >= least) counted.push({ handle, atLeast });
    }
    return counted;
  }

  keyOf(handle: number): Key {
    return this.#reader.keyOf(handle);
  }

  /** At least the upper bound of a key that a part names: by the sums alone, with all that anybody may have missed. */
  atMost(handle: number, windowMs: number, kind: HeatKind): number {
    const active = this.#activeOf(this.#windowOf(windowMs));
    const slot = this.#cluster.keys.slot(handle);
    let most = firingMax(active, handle, kind);
    for (const accumulator of active) {
      most += accumulator.slack(handle, slot) + (accumulator.scaled?.extraSlack(handle, slot) ?? 0);
    }
    return most;
  }

  /** `undefined`: no part in any window names the key. */
  handleOf({ db, bytes }: Key): number | undefined {
    const { keys } = this.#cluster;
    const view = viewOf(bytes);
    const handle = keys.find(keys.hash(db, view, 0, bytes.length), db, view, 0, bytes.length);
    return handle < 0 ? undefined : handle;
  }

  /** What a falling rule may rely on of any key; `null`: nothing. */
  clearing(key: Key, windowMs: number, kind: HeatKind): number | null {
    const place = this.handleOf(key) ?? NO_HANDLE;
    return this.#reader.clearingOf(this.#windowOf(windowMs), place, keptKeySlot(key.bytes))[kind];
  }

  /** What a key that no part names has at most, whatever its slot. */
  unseenMost(windowMs: number): number {
    let most = 0;
    for (const { floors, scaled } of this.#windowOf(windowMs).accumulators) {
      most += floors.largest + (scaled?.largestFloor ?? 0);
    }
    return most;
  }

  /** At least `Heat.shareOfTarget`; 0 where it is not known. */
  shareMax(handle: number, windowMs: number): number {
    const window = this.#windowOf(windowMs);
    const total = this.#countOfTarget(window, this.#reader.targetOf(handle));
    return total === null || total === 0 ? 0 : firingMax(this.#activeOf(window), handle, "total") / total;
  }

  /** How hot a key was in the panes of the longest window. */
  trail(handle: number): Trail {
    return trailOf(this.#cluster, handle, this.#reader.targetOf(handle));
  }

  #activeOf(window: HopWindow): readonly Accumulator[] {
    let active = this.#active.get(window);
    if (active === undefined) {
      active = window.accumulators.filter((accumulator) => !accumulator.isUnused);
      this.#active.set(window, active);
    }
    return active;
  }

  #countOfTarget(window: HopWindow, target: string | null): number | null {
    if (target === null) return null;
    let counts = this.#targetCounts.get(window);
    if (counts === undefined) {
      counts = new Map();
      this.#targetCounts.set(window, counts);
    }
    let count = counts.get(target);
    if (count === undefined) {
      const { tracks, shelf } = this.#cluster;
      count = targetCount(targetTotal(tracks.ofTarget(target), shelf, window));
      counts.set(target, count);
    }
    return count;
  }

  #windowOf(windowMs: number): HopWindow {
    const window = this.#cluster.closed.find((candidate) => candidate.windowMs === windowMs);
    if (!window) throw new RangeError(`no window of ${windowMs} ms`);
    return window;
  }
}
