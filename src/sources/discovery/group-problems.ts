import type { Observe } from "../../config/schema.ts";
import { isSentinel } from "./sentinel-views.ts";
import type { HeldServer } from "./servers.ts";

const NAMED_MAX = 5;

export interface GroupState {
  readonly name: string;
  readonly observe: Observe;
  readonly held: readonly HeldServer[];
  /** Addresses of the servers that are known. */
  readonly known: readonly string[];
  /** Whether a Sentinel has named any server. */
  readonly isMonitored: boolean;
  readonly hasLooked: boolean;
}

/** What keeps a group from finding or watching servers, one line each with what to do. */
export function groupProblems(state: GroupState): string[] {
  return [...sentinelProblems(state), ...localProblems(state), ...silentSeeds(state)];
}

function sentinelProblems({ held, observe, isMonitored }: GroupState): string[] {
  return held.filter(isSentinel).flatMap(({ target, asked }) => {
    if (observe === "listed") {
      return [
        `${target.address}: a Sentinel holds no keys; list the servers that it watches, or set discovery.observe: all`,
      ];
    }
    if (asked.state() !== "up" || isMonitored) return [];
    return [`${target.address}: the Sentinel names no primary that it watches`];
  });
}

function localProblems({ name, observe, held, known, hasLooked }: GroupState): string[] {
  if (observe !== "local" || !hasLooked || held.some(({ isWatched }) => isWatched)) return [];
  const addresses = known.length > 0 ? known : held.map(({ target }) => target.address);
  const some = [...addresses.slice(0, NAMED_MAX), ...(addresses.length > NAMED_MAX ? ["..."] : [])].join(
    ", ",
  );
  return [
    `no server of cluster ${name} has an address of this host: set discovery.observe: all, or run the agent on the host of one of ${some}`,
  ];
}

/** Seeds that are only asked matter where nobody answers; those that are watched speak for themselves. */
function silentSeeds({ held }: GroupState): string[] {
  if (held.some(({ asked }) => asked.state() === "up")) return [];
  return held.flatMap(({ target, asked, isListed, isWatched }) => {
    const problem = isListed && !isWatched ? asked.problem() : null;
    return problem ? [`${target.address}: ${problem.message}`] : [];
  });
}
