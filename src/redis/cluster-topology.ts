import { formatHostPort } from "../config/target-url.ts";
import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";
import { type ClusterNode, isReplicaNode, normalizedSlots, servedSlots } from "./cluster-nodes.ts";
import type { ClusterTopology, NamedServer } from "./topology.ts";

/** Where clients are to connect, by node id; `null`: the server does not know, so nobody does. */
export type Endpoints = ReadonlyMap<string, string | null>;

/** Not members (yet, or any more), or without an address. */
const NO_MEMBER = ["noaddr", "handshake"];
const FAILING = ["fail", "fail?"];

/**
 * A Redis Cluster from CLUSTER NODES, which names every node: also those without slots, replicas that are not in sync,
 * and those that have failed. `endpoints` say better where to connect, as far as they go. `askedHost`: where the asked
 * node was reached; it stands for hosts that are not named.
 */
export function topologyFromNodes(
  nodes: readonly ClusterNode[],
  endpoints: Endpoints,
  askedHost: string,
): ClusterTopology {
  const members = nodes.filter(
    ({ flags, port }) => port > 0 && !NO_MEMBER.some((flag) => flags.includes(flag)),
  );
  return {
    kind: "cluster",
    servers: members.flatMap((node) => serverOf(node, nodes, endpoints, askedHost) ?? []),
    slotsCovered: countSlots(members.flatMap(({ slots }) => slots)),
    epoch: Math.max(0, ...members.map(({ epoch }) => epoch)),
    hasFailing: members.some(({ flags }) => FAILING.some((flag) => flags.includes(flag))),
  };
}

function serverOf(
  node: ClusterNode,
  nodes: readonly ClusterNode[],
  endpoints: Endpoints,
  askedHost: string,
): NamedServer | null {
  const { id, ip, hostname, port, flags } = node;
  const endpoint = endpoints.get(id);
  if (endpoint === null || (ip === "" && endpoint === undefined && !flags.includes("myself"))) return null;
  const host = endpoint ?? ip;
  const address = formatHostPort(host || askedHost, port);
  const names = [ip, hostname].filter((name) => name !== "").map((name) => formatHostPort(name, port));
  return {
    host: host || askedHost,
    port,
    aliases: names.filter((name) => name !== address),
    role: isReplicaNode(node) ? "replica" : "primary",
    nodeId: id,
    slots: servedSlots(node, nodes),
  };
}

/**
 * Where to connect to each node of CLUSTER SLOTS, as `cluster-preferred-endpoint-type` has it.
 *
 * An empty or missing host means the host that was asked (an empty text here); `?` is a host name that nobody has set.
 */
export function endpointsFromRows(reply: unknown): Endpoints {
  const endpoints = new Map<string, string | null>();
  for (const { id, host } of rowsOf(reply).flatMap(({ nodes }) => nodes)) {
    if (id !== null) endpoints.set(id, host === "?" ? null : host);
  }
  return endpoints;
}

/** The same cluster from CLUSTER SLOTS alone, for users who may not run CLUSTER NODES: nodes without slots are missing. */
export function topologyFromRows(reply: unknown, askedHost: string): ClusterTopology | null {
  if (!Array.isArray(reply)) return null;
  const found = new Map<string, NamedServer & { readonly slots: SlotRange[] }>();
  const rows = rowsOf(reply);
  for (const { range, nodes } of rows) {
    for (const [index, { id, host, port }] of nodes.entries()) {
      if (host === "?" || !(port > 0)) continue;
      const address = formatHostPort(host || askedHost, port);
      const known = found.get(address);
      if (known) known.slots.push(range);
      else {
        const role = index === 0 ? "primary" : "replica";
        const place = { host: host || askedHost, port, aliases: [], role, nodeId: id } as const;
        found.set(address, { ...place, slots: [range] });
      }
    }
  }
  return {
    kind: "cluster",
    servers: Array.from(found.values(), (server) => ({ ...server, slots: normalizedSlots(server.slots) })),
    slotsCovered: countSlots(rows.map(({ range }) => range)),
    epoch: 0,
    hasFailing: false,
  };
}

interface Row {
  readonly range: SlotRange;
  readonly nodes: readonly { readonly id: string | null; readonly host: string; readonly port: number }[];
}

function rowsOf(reply: unknown): Row[] {
  if (!Array.isArray(reply)) return [];
  return (reply as unknown[]).flatMap((row) => {
    if (!Array.isArray(row)) return [];
    const [first, last, ...nodes] = row as unknown[];
    return [{ range: [Number(first), Number(last)] as const, nodes: nodes.flatMap(rowNodeOf) }];
  });
}

function rowNodeOf(node: unknown): Row["nodes"] {
  if (!Array.isArray(node)) return [];
  const [host, port, id] = node as unknown[];
  return [
    {
      id: typeof id === "string" && id !== "" ? id : null,
      host: typeof host === "string" ? host : "",
      port: Number(port),
    },
  ];
}

function countSlots(ranges: readonly SlotRange[]): number {
  const count = normalizedSlots(ranges).reduce((sum, [first, last]) => sum + last - first + 1, 0);
  return Math.min(count, SLOT_COUNT);
}
