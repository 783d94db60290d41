import type { Kind, Vantage } from "../model/access.ts";
import type { ClusterWindows } from "./cluster-windows.ts";
import type { HopWindow } from "./hop-window.ts";
import { addNames } from "./named-rows.ts";
import type { StoredPart } from "./stored-part.ts";
import type { Track } from "./track.ts";
import { isClaim } from "./vantage.ts";

const NAMES_PER_KEY = 8;

/** What clients tell of one key in one window beside its counts. */
export interface ClientTold {
  readonly services: Readonly<Record<string, number>>;
  /** Reads that the clients' own caches answered. */
  readonly absorbed: number;
  /** Of requests and replies; `null`: nobody told any. */
  readonly bytes: number | null;
}

export const NOTHING_TOLD: ClientTold = { services: {}, absorbed: 0, bytes: null };

/**
 * Commands of one key as the vantages that speak name them. Where two name the same command they saw the same calls, so
 * the larger count holds: vantages are never added. `tracks`: those of its target.
 */
export function commandsOf(
  cluster: ClusterWindows,
  window: HopWindow,
  handle: number,
  vantages: Readonly<Partial<Record<Kind, Vantage>>>,
  tracks: readonly Track[],
): Record<string, number> {
  const joined = new Map<string, number>();
  for (const vantage of new Set(Object.values(vantages))) {
    const sums = new Map<string, number>();
    const named = isClaim(vantage) ? clientTracksOf(cluster, handle) : tracks;
    for (const { commands } of partsOf(named, vantage, window)) {
      if (commands) addNames(sums, commands, handle);
    }
    for (const [name, count] of sums) joined.set(name, Math.max(count, joined.get(name) ?? 0));
  }
  return largest(joined);
}

/** What clients tell of one key, wherever it was served. */
export function clientsOf(cluster: ClusterWindows, window: HopWindow, handle: number): ClientTold {
  const services = new Map<string, number>();
  let absorbed = 0;
  let bytes = 0;
  for (const { clients } of partsOf(clientTracksOf(cluster, handle), "clients", window)) {
    const row = clients?.services.handles.indexOf(handle) ?? -1;
    if (!clients || row < 0) continue;
    addNames(services, clients.services, handle);
    absorbed += clients.absorbed[row]!;
    bytes += clients.bytes[row]!;
  }
  return {
    services: largest(services),
    absorbed: Math.round(absorbed),
    bytes: bytes > 0 ? Math.round(bytes) : null,
  };
}

function clientTracksOf({ namedTracks, tracks }: ClusterWindows, handle: number): Track[] {
  return Array.from(namedTracks.of(handle), (id) => tracks.byId(id)).filter((track) => track !== undefined);
}

/** Counted parts of a vantage in a window. */
function* partsOf(tracks: readonly Track[], vantage: Vantage, window: HopWindow): Iterable<StoredPart> {
  for (const track of tracks) {
    if (track.vantage !== vantage) continue;
    for (const [interval, pane] of track.panes) {
      if (!window.contains(interval)) continue;
      for (const unit of pane.units) if (unit.counted) yield* unit.parts;
    }
  }
}

function largest(sums: ReadonlyMap<string, number>): Record<string, number> {
  const sorted = [...sums].sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1));
  return Object.fromEntries(sorted.slice(0, NAMES_PER_KEY).map(([name, count]) => [name, Math.round(count)]));
}
