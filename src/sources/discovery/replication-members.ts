import { replicationOf } from "../../redis/topology.ts";
import { canonicalName, type ListedNames } from "./listed-names.ts";
import type { Member } from "./membership.ts";
import { addressOf } from "./naming.ts";
import type { HeldServer } from "./servers.ts";

const MEMBERS_MAX = 1000;

/**
 * Everyone who replicates with the roots, outside Cluster mode: primaries, their replicas, and replicas of those, as far
 * as there are connections to ask them. `mayBeStale`: what a server said last counts while it is away.
 */
export function replicationMembers(
  roots: readonly HeldServer[],
  held: readonly HeldServer[],
  names: ListedNames,
  { mayBeStale }: { mayBeStale: boolean },
): Member[] {
  const byAddress = new Map(held.map((server) => [canonicalName(server.target.address), server]));
  const members = new Map<string, Member>();
  const seen = new Set<HeldServer>();
  const waiting = [...roots];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next) || members.size >= MEMBERS_MAX) continue;
    seen.add(next);
    for (const member of namedBy(next, mayBeStale)) {
      const [listed] = names.find(member.server);
      const address = canonicalName(listed?.address ?? addressOf(member.server));
      if (!members.has(address)) members.set(address, member);
      const server = byAddress.get(address);
      if (server) waiting.push(server);
    }
  }
  return [...members.values()];
}

/** Whether replication is what tells who belongs to a server. */
export function isPlain({ asked }: HeldServer): boolean {
  const poll = asked.latestPoll;
  return poll !== null && !poll.clusterEnabled && !poll.isSentinel;
}

function namedBy(server: HeldServer, mayBeStale: boolean): Member[] {
  const { asked, target } = server;
  const poll = asked.latestPoll;
  if (poll === null || !isPlain(server) || (!mayBeStale && asked.state() !== "up")) return [];
  const { primary, replicas } = replicationOf(poll);
  return [...(primary ? [primary] : []), ...replicas].map((named) => ({ server: named, via: target }));
}
