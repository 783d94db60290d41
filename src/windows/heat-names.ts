import type { Kind, Vantage } from "../model/access.ts";
import type { ClusterWindows } from "./cluster-windows.ts";
import type { HopWindow } from "./hop-window.ts";
import { addNames, type NameTable } from "./named-rows.ts";
import type { StoredPart } from "./stored-part.ts";
import type { Track } from "./track.ts";

const NAMES_PER_KEY = 8;

/** What clients tell of one key in one window beside its counts. */
export interface ClientTold {
  readonly services: Readonly<Record<string, number>>;
  /** Reads that the clients' own caches answered. */
  readonly absorbed: number;
  /** Of requests and replies; `null`: nobody told any. */
  readonly bytes: number | null;
}

/**
 * Commands of one key as the vantages that speak name them. Where two name the same command they saw the same calls, so
 * the larger count holds: vantages are never added.
 */
export function commandsOf(
  cluster: ClusterWindows,
  window: HopWindow,
  handle: number,
  vantages: Readonly<Partial<Record<Kind, Vantage>>>,
  tracks: readonly Track[],
): Record<string, number> {
  const joined = new Map<number, number>();
  for (const vantage of new Set(Object.values(vantages))) {
    const sums = new Map<number, number>();
    for (const { commands } of partsOf(tracks, vantage, window)) {
      if (commands) addNames(sums, commands, handle);
    }
    for (const [id, count] of sums) joined.set(id, Math.max(count, joined.get(id) ?? 0));
  }
  return largest(joined, cluster.commandNames);
}

/** What clients tell of one key, wherever it was served: `tracks` are those of their vantage. */
export function clientsOf(
  cluster: ClusterWindows,
  window: HopWindow,
  handle: number,
  tracks: readonly Track[],
): ClientTold {
  const services = new Map<number, number>();
  let absorbed = 0;
  let bytes = 0;
  for (const { clients } of partsOf(tracks, "clients", window)) {
    const row = clients?.services.handles.indexOf(handle) ?? -1;
    if (!clients || row < 0) continue;
    addNames(services, clients.services, handle);
    absorbed += clients.absorbed[row]!;
    bytes += clients.bytes[row]!;
  }
  return {
    services: largest(services, cluster.serviceNames),
    absorbed: Math.round(absorbed),
    bytes: bytes > 0 ? Math.round(bytes) : null,
  };
}

function* partsOf(tracks: readonly Track[], vantage: Vantage, window: HopWindow): Iterable<StoredPart> {
  for (const track of tracks) {
    if (track.vantage !== vantage) continue;
    for (const [interval, pane] of track.panes) if (window.contains(interval)) yield* pane.countedParts();
  }
}

function largest(sums: ReadonlyMap<number, number>, table: NameTable): Record<string, number> {
  const sorted = [...sums].sort(([idA, a], [idB, b]) => b - a || idA - idB).slice(0, NAMES_PER_KEY);
  return Object.fromEntries(sorted.map(([id, count]) => [table.name(id), Math.round(count)]));
}
