import type { Kind, Vantage } from "../model/access.ts";
import type { HopWindow } from "./hop-window.ts";
import { addNames } from "./named-rows.ts";
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
  window: HopWindow,
  handle: number,
  vantages: Readonly<Partial<Record<Kind, Vantage>>>,
  tracks: readonly Track[],
): Record<string, number> {
  const joined = new Map<string, number>();
  for (const vantage of new Set(Object.values(vantages))) {
    const sums = new Map<string, number>();
    for (const { commands } of partsOf(tracks, vantage, window)) {
      if (commands) addNames(sums, commands, handle);
    }
    for (const [name, count] of sums) joined.set(name, Math.max(count, joined.get(name) ?? 0));
  }
  return largest(joined);
}

/** What clients tell of one key, wherever it was served: `tracks` are those of their vantage. */
export function clientsOf(window: HopWindow, handle: number, tracks: readonly Track[]): ClientTold {
  const services = new Map<string, number>();
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
    services: largest(services),
    absorbed: Math.round(absorbed),
    bytes: bytes > 0 ? Math.round(bytes) : null,
  };
}

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
