import { byDemand, type Demand } from "../model/demand.ts";
import { type ClusterWindows, firingMax } from "./cluster-windows.ts";
import type { Overclaimed } from "./corroboration.ts";
import type { HeatReader } from "./heat-reader.ts";
import type { HopWindow } from "./hop-window.ts";
import { VANTAGES } from "./vantage.ts";

export interface DemandQuery {
  readonly leastPerSecond: number;
  readonly limit: number;
  readonly overclaimed: Overclaimed;
}

/** Keys that are looked at closely, for each that is wanted: what claims make of them is seen only then. */
const LOOKED_AT_EACH = 4;

/**
 * The `limit` keys of a window whose reads are wanted most, of those that may have `leastPerSecond` of them; hottest
 * first. One pass over the sums; only what they let in is worked out.
 */
export function mostWanted(
  cluster: ClusterWindows,
  reader: HeatReader,
  window: HopWindow,
  { leastPerSecond, limit, overclaimed }: DemandQuery,
): readonly Demand[] {
  const { keys } = cluster;
  const clients = window.accumulators[VANTAGES.indexOf("clients")]!;
  const active = window.accumulators.filter((accumulator) => !accumulator.isUnused);
  const least = (leastPerSecond * window.windowMs) / 1000;
  const candidates: { readonly handle: number; readonly most: number }[] = [];
  for (let handle = 0; handle < keys.handleEnd; handle++) {
    if (!keys.isHeld(handle)) continue;
    const most = firingMax(active, handle, "read") + clients.absorbed(handle);
    if (most >= least) candidates.push({ handle, most });
  }
  candidates.sort((one, other) => other.most - one.most);
  return candidates
    .slice(0, LOOKED_AT_EACH * limit)
    .map(({ handle }) => reader.demandOf(window, handle, overclaimed))
    .sort(byDemand)
    .slice(0, limit);
}
