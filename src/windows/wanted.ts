import { byDemand, type Demand } from "../model/demand.ts";
import type { Lease } from "../model/hot-set.ts";
import { viewOf } from "../panes/key-words.ts";
import { type ClusterWindows, firingMax } from "./cluster-windows.ts";
import { corroboratedReads, type Overclaimed } from "./corroboration.ts";
import type { HeatReader } from "./heat-reader.ts";
import type { HopWindow } from "./hop-window.ts";
import type { Track } from "./track.ts";
import { VANTAGES } from "./vantage.ts";

export interface DemandQuery {
  /** Keys that have a lease. They are told of however many others are hotter: else those would end their leases. */
  readonly leased: readonly Pick<Lease, "db" | "key">[];
  /** Of those, the ones that may have so many reads a second, absorbed ones too. */
  readonly keptPerSecond: number;
  /** Of the others, the `limit` hottest that may have so many reads a second. */
  readonly openedPerSecond: number;
  readonly limit: number;
  /** Whether clients' word is enough for those: what they claim, and what they absorbed. */
  readonly byClaims: boolean;
  readonly overclaimed: Overclaimed;
}

/** Keys that are looked at closely, for each that is told of: what claims make of them is seen only then. */
const LOOKED_AT_EACH = 4;

/**
 * The keys of a window whose reads are wanted, of those that have leases or may be given one; hottest first. One pass
 * over the sums, one over what clients claim; only of the keys that they let in the demand is worked out.
 */
export function mostWanted(
  cluster: ClusterWindows,
  reader: HeatReader,
  window: HopWindow,
  query: DemandQuery,
): readonly Demand[] {
  const { byClaims, limit, overclaimed } = query;
  const leased = leasedHandles(cluster, query.leased);
  const kept = keptHandles(window, leased, query);
  const others = openableHandles(cluster, window, leased, query);
  const handles = [...kept, ...others];
  const borneOut = corroboratedReads(clientTracks(cluster), cluster.keys, handles, window, overclaimed);
  const demandOf = (handle: number) => reader.demandOf(window, handle, borneOut.get(handle) ?? 0);
  const openedBy = ({ readsPerSecond, corroboratedPerSecond }: Demand) =>
    byClaims ? readsPerSecond : corroboratedPerSecond;
  const hottestOthers = others
    .map(demandOf)
    .sort((one, other) => openedBy(other) - openedBy(one) || byDemand(one, other))
    .slice(0, limit);
  return [...kept.map(demandOf), ...hottestOthers].sort(byDemand);
}

function leasedHandles(
  { keys }: ClusterWindows,
  leased: readonly Pick<Lease, "db" | "key">[],
): ReadonlySet<number> {
  const handles = leased.map(({ db, key }) => {
    const view = viewOf(key);
    return keys.find(keys.hash(db, view, 0, key.length), db, view, 0, key.length);
  });
  return new Set(handles.filter((handle) => handle >= 0));
}

function keptHandles(
  { accumulators, windowMs }: HopWindow,
  leased: ReadonlySet<number>,
  { keptPerSecond }: DemandQuery,
): number[] {
  const least = (keptPerSecond * windowMs) / 1000;
  const clients = accumulators[CLIENTS]!;
  return [...leased].filter(
    (handle) => firingMax(accumulators, handle, "read") + clients.absorbed(handle) >= least,
  );
}

/** The hottest first, as far as they may be given a lease; claims are not held to anything yet. */
function openableHandles(
  { keys }: ClusterWindows,
  { accumulators, windowMs }: HopWindow,
  leased: ReadonlySet<number>,
  { openedPerSecond, limit, byClaims }: DemandQuery,
): number[] {
  const least = (openedPerSecond * windowMs) / 1000;
  const clients = accumulators[CLIENTS]!;
  const active = accumulators.filter((accumulator) => !accumulator.isUnused);
  const candidates: { readonly handle: number; readonly most: number }[] = [];
  for (let handle = 0; handle < keys.handleEnd; handle++) {
    if (!keys.isHeld(handle) || leased.has(handle)) continue;
    const absorbed = byClaims ? clients.absorbed(handle) : 0;
    const most = firingMax(active, handle, "read") + absorbed;
    if (most >= least) candidates.push({ handle, most });
  }
  candidates.sort((one, other) => other.most - one.most);
  return candidates.slice(0, LOOKED_AT_EACH * limit).map(({ handle }) => handle);
}

const CLIENTS = VANTAGES.indexOf("clients");

function clientTracks({ tracks }: ClusterWindows): readonly Track[] {
  return [...tracks.all()].filter(({ vantage, panes }) => vantage === "clients" && panes.size > 0);
}
