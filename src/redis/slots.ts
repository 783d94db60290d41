import type { SlotRange } from "../model/slot.ts";
import { type ClusterNode, normalizedSlots, servedSlots } from "./cluster-nodes.ts";

/** What a node of a Redis Cluster says of itself. */
export interface OwnPlace {
  /** `null`: not known. */
  readonly nodeId: string | null;
  /** Of a replica those of its primary. */
  readonly slots: readonly SlotRange[];
}

/** The node that was asked, from CLUSTER NODES: its own line is flagged `myself`. `null`: there is no such line. */
export function placeFromNodes(nodes: readonly ClusterNode[]): OwnPlace | null {
  const myself = nodes.find(({ flags }) => flags.includes("myself"));
  return myself ? { nodeId: myself.id, slots: servedSlots(myself, nodes) } : null;
}

/** How the node that was asked may appear in CLUSTER SLOTS. */
export interface Self {
  readonly host: string | null;
  readonly port: number;
  /** Port that the server itself listens on, where INFO told it. */
  readonly serverPort: number | null;
}

/**
 * The node that was asked, from CLUSTER SLOTS: rows of `[first, last, [host, port, id], replica...]`.
 *
 * An empty or missing host means the node that was asked; the port tells it apart where every node's host is missing
 * (`cluster-preferred-endpoint-type unknown-endpoint`). `null`: the node is not in any row.
 */
export function placeFromRows(reply: unknown, self: Self): OwnPlace | null {
  if (!Array.isArray(reply)) return null;
  const ranges: SlotRange[] = [];
  let nodeId: string | null = null;
  for (const row of reply as unknown[]) {
    if (!Array.isArray(row)) continue;
    const [first, last, ...nodes] = row as unknown[];
    const own = nodes.find((node) => isSelf(node, self));
    if (own === undefined) continue;
    ranges.push([Number(first), Number(last)]);
    nodeId = nodeIdOf(own);
  }
  return ranges.length === 0 ? null : { nodeId, slots: normalizedSlots(ranges) };
}

function isSelf(node: unknown, self: Self): boolean {
  if (!Array.isArray(node)) return false;
  const [host, port] = node as unknown[];
  if (Number(port) !== self.port && Number(port) !== self.serverPort) return false;
  return host === null || host === "" || host === "?" || host === self.host;
}

function nodeIdOf(node: unknown): string | null {
  const [, , id] = node as unknown[];
  return typeof id === "string" && id !== "" ? id : null;
}
