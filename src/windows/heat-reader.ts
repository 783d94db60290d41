import type { HeatKind, KindCounts } from "../model/access.ts";
import type { Demand } from "../model/demand.ts";
import { firingCount, type Heat, ratePerSecond } from "../model/heat.ts";
import { type Key, keptKeySlot } from "../model/key.ts";
import { NO_TARGET } from "../model/target.ts";
import { type CheckedView, claimedIn, claimLimit, heldToLimit } from "./claims.ts";
import type { ClusterWindows } from "./cluster-windows.ts";
import { MISS, READ, WRITE } from "./columns.ts";
import { type Fused, fuse } from "./fuse.ts";
import { clientsOf, commandsOf, NOTHING_TOLD } from "./heat-names.ts";
import type { HopWindow } from "./hop-window.ts";
import type { VantageView } from "./reading.ts";
import { shareOfTarget, targetCount, targetTotal } from "./target-share.ts";
import type { Track } from "./track.ts";
import { isClaim, VANTAGES } from "./vantage.ts";

/** In Cluster mode a slot has a server or two, and their former ones. */
const FEW_TRACKS = 4;
/** Stands for a key that no part names: its sums are empty, and only floors speak of it. */
export const NO_HANDLE = -1;

const NOTHING_CLEARS: Readonly<Record<HeatKind, null>> = { read: null, write: null, miss: null, total: null };

interface Judged {
  readonly fused: Fused;
  readonly suspect: boolean;
  /** Which share of the clients' claims was left. */
  readonly claimShare: number;
  readonly clientTracks: readonly Track[];
}

/** Reads what the windows of a cluster say of one key. */
export class HeatReader {
  readonly #cluster: ClusterWindows;
  readonly #onDisproved: (count: number) => void;

  /** `onDisproved` hears how many upper bounds of a heat another vantage's lower bound has passed. */
  constructor(cluster: ClusterWindows, onDisproved: (count: number) => void) {
    this.#cluster = cluster;
    this.#onDisproved = onDisproved;
  }

  keyOf(handle: number): Key {
    const { keys, name } = this.#cluster;
    return { cluster: name, db: keys.db(handle), bytes: keys.key(handle) };
  }

  /** Where a key was last seen; `null`: it is not known. */
  targetOf(handle: number): string | null {
    const track = this.#lastTrack(handle);
    return track === undefined || track.target === NO_TARGET ? null : track.target;
  }

  heatOf(window: HopWindow, handle: number): Heat {
    return this.#heat(window, handle, this.#cluster.keys.slot(handle), this.keyOf(handle));
  }

  /** Heat of a key that no part names any more: it had at most what the floors leave it. */
  heatOfUnseen(window: HopWindow, key: Key): Heat {
    return this.#heat(window, NO_HANDLE, keptKeySlot(key.bytes), key);
  }

  fusedOf(window: HopWindow, handle: number, slot: number): Fused {
    return this.#judged(window, handle, slot).fused;
  }

  #heat(window: HopWindow, handle: number, slot: number, key: Key): Heat {
    const { tracks, shelf, headMs, hopMs } = this.#cluster;
    const { fused, suspect, claimShare, clientTracks } = this.#judged(window, handle, slot);
    if (fused.disproved > 0) this.#onDisproved(fused.disproved);
    const track = this.#lastTrack(handle);
    const ofTarget = track ? tracks.ofTarget(track.target) : [];
    const total = targetTotal(ofTarget, shelf, window);
    const completeness = this.#cluster.completenessOf(window);
    return {
      key,
      windowMs: window.windowMs,
      asOfMs: window.toMs,
      complete: completeness.isWholeAt(slot),
      counts: fused.counts,
      clearing: completeness.isWatchedAt(slot) ? fused.clearing : NOTHING_CLEARS,
      currentRatePerSecond: this.#currentRate(fused, handle, headMs - 2 * hopMs, claimShare),
      vantages: fused.vantages,
      target: track === undefined || track.target === NO_TARGET ? null : track.target,
      slot: this.#isClusterMode(track) ? slot : null,
      shareOfTarget: shareOfTarget(fused.counts, total),
      suspect,
      commands: commandsOf(this.#cluster, window, handle, fused.vantages, ofTarget),
      ...(clientTracks.length === 0 ? NOTHING_TOLD : clientsOf(this.#cluster, window, handle)),
      grounds: {
        targetCount: track ? targetCount(total) : this.#leastCount(window, slot),
        areClientsReporting: completeness.isReporting(VANTAGES.indexOf("clients"), slot),
      },
    };
  }

  /** How much the reads of a key are wanted; `corroborated`: how many of those that clients claim are borne out. */
  demandOf(window: HopWindow, handle: number, corroborated: number): Demand {
    const { keys } = this.#cluster;
    const { fused, suspect } = this.#judged(window, handle, keys.slot(handle));
    const { read, write } = fused.counts;
    const reads = firingCount(read);
    const absorbed = window.accumulators[VANTAGES.indexOf("clients")]!.absorbed(handle);
    const seen = seenByServers(this.#views(window, handle, keys.slot(handle)));
    return {
      db: keys.db(handle),
      key: keys.key(handle),
      readsPerSecond: ratePerSecond(reads + absorbed, window.windowMs),
      corroboratedPerSecond: ratePerSecond(
        Math.min(reads, Math.max(seen.read, corroborated)),
        window.windowMs,
      ),
      writesPerSecond: ratePerSecond(firingCount(write), window.windowMs),
      suspect,
    };
  }

  /** What a falling rule may rely on: see `Heat.clearing`. */
  clearingOf(window: HopWindow, handle: number, slot: number): Heat["clearing"] {
    const isWatched = this.#cluster.completenessOf(window).isWatchedAt(slot);
    return isWatched ? this.fusedOf(window, handle, slot).clearing : NOTHING_CLEARS;
  }

  /** Of a key that nobody names any more, the least of those that serve its slot. */
  #leastCount(window: HopWindow, slot: number): number | null {
    const { tracks, shelf } = this.#cluster;
    const names = new Set<string>();
    for (const { target, slots, role } of tracks.all()) {
      if (role !== "replica" && target !== NO_TARGET && slots.covers(slot)) names.add(target);
    }
    const counts = Array.from(names, (name) =>
      targetCount(targetTotal(tracks.ofTarget(name), shelf, window)),
    );
    const known = counts.filter((count) => count !== null);
    return counts.length > 0 && known.length === counts.length ? Math.min(...known) : null;
  }

  /** Fuses the vantages, with what clients claim held to what their servers ran. */
  #judged(window: HopWindow, handle: number, slot: number): Judged {
    const views = this.#views(window, handle, slot);
    const edgeShare = this.#cluster.hopMs / window.windowMs;
    if (!views.some(({ vantage }) => isClaim(vantage))) {
      return { fused: fuse(views, edgeShare), suspect: false, claimShare: 1, clientTracks: [] };
    }
    const clientTracks = this.#clientTracks(slot);
    const claimed = this.#claimed(window, clientTracks);
    const limit = claimLimit(clientTracks, this.#cluster.ran, window, claimed);
    const seen = seenByServers(views);
    const checked = views.map((view): CheckedView => {
      const isHeld = limit !== null && isClaim(view.vantage);
      return isHeld ? heldToLimit(view, limit, seen) : { view, share: 1, isSuspect: false };
    });
    const fused = fuse(
      checked.map(({ view }) => view),
      edgeShare,
    );
    return {
      fused,
      suspect: checked.some(({ isSuspect }) => isSuspect),
      claimShare: Math.min(...checked.map(({ share }) => share)),
      clientTracks,
    };
  }

  /** All that clients claim of keys in a slot: at few servers added up; where all hold any key, it is known. */
  #claimed(window: HopWindow, tracks: readonly Track[]): number {
    if (tracks.length <= FEW_TRACKS) return tracks.reduce((sum, track) => sum + claimedIn(track, window), 0);
    return window.accumulators[VANTAGES.indexOf("clients")]!.load;
  }

  /** Where clients report keys of this slot. */
  #clientTracks(slot: number): readonly Track[] {
    const tracks: Track[] = [];
    for (const track of this.#cluster.tracks.all()) {
      if (track.vantage === "clients" && track.panes.size > 0 && track.slots.covers(slot)) tracks.push(track);
    }
    return tracks;
  }

  #views(window: HopWindow, handle: number, slot: number): VantageView[] {
    const completeness = this.#cluster.completenessOf(window);
    const views: VantageView[] = [];
    window.accumulators.forEach((accumulator, index) => {
      const sees = completeness.seenKinds(index, slot);
      const { cells } = accumulator;
      const lower = {
        read: cells.get(handle, READ),
        write: cells.get(handle, WRITE),
        miss: cells.get(handle, MISS),
      };
      if (sees === 0 && lower.read + lower.write === 0) return;
      views.push({
        vantage: VANTAGES[index]!,
        lower,
        slack: accumulator.slack(handle, slot),
        scaled: accumulator.scaled?.view(handle, slot) ?? null,
        sees,
        complete: completeness.completeKinds(index, slot),
        unbroken: completeness.unbrokenKinds(index, slot),
        isReporting: completeness.isReporting(index, slot),
      });
    });
    return views;
  }

  /** Of the vantages that speak, the one that saw most in the last pane. */
  #currentRate({ vantages }: Fused, handle: number, sinceMs: number, claimShare: number): number {
    if (handle === NO_HANDLE) return 0;
    const speaking = new Set(Object.values(vantages));
    let rate = 0;
    this.#cluster.latest.forEach((latest, index) => {
      const vantage = VANTAGES[index]!;
      const share = isClaim(vantage) ? claimShare : 1;
      if (speaking.has(vantage)) rate = Math.max(rate, share * latest.ratePerSecond(handle, sinceMs));
    });
    return rate;
  }

  /** Where the key was hottest when it was seen last, a known place if there is one. */
  #lastTrack(handle: number): Track | undefined {
    if (handle === NO_HANDLE) return undefined;
    let best: Track | undefined;
    let seenMs = 0;
    for (const latest of this.#cluster.latest) {
      const track = this.#cluster.tracks.byId(latest.trackId(handle));
      if (latest.seenMs(handle) === 0 || !track) continue;
      const isElsewhere = best?.target === NO_TARGET && track.target !== NO_TARGET;
      if (latest.seenMs(handle) <= seenMs && !isElsewhere) continue;
      seenMs = latest.seenMs(handle);
      best = track;
    }
    return best;
  }

  #isClusterMode(track: Track | undefined): boolean {
    if (track && track.target !== NO_TARGET) return track.slots.slots !== null;
    for (const { slots } of this.#cluster.tracks.all()) if (slots.slots !== null) return true;
    return false;
  }
}

function seenByServers(views: readonly VantageView[]): KindCounts {
  const seen = { read: 0, write: 0, miss: 0 };
  for (const { vantage, lower } of views) {
    if (isClaim(vantage)) continue;
    seen.read = Math.max(seen.read, lower.read);
    seen.write = Math.max(seen.write, lower.write);
    seen.miss = Math.max(seen.miss, lower.miss);
  }
  return seen;
}
