import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";

interface ClusterNode {
  readonly id: string;
  readonly flags: readonly string[];
  readonly primaryId: string;
  readonly slots: readonly SlotRange[];
}

/**
 * Slots of the node that was asked, from CLUSTER NODES: its own line is flagged `myself`. A replica has those of its
 * primary. `null`: the reply has no such line.
 */
export function slotsFromNodes(reply: unknown): SlotRange[] | null {
  if (typeof reply !== "string") return null;
  const nodes = reply.split("\n").flatMap((line) => parseNode(line) ?? []);
  const myself = nodes.find(({ flags }) => flags.includes("myself"));
  if (!myself) return null;
  const isReplica = myself.flags.includes("slave") || myself.flags.includes("replica");
  const owner = isReplica ? nodes.find(({ id }) => id === myself.primaryId) : myself;
  return normalized(owner?.slots ?? []);
}

/** `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOT...`; slots on the move are `[slot->-id]` and stay with their owner. */
function parseNode(line: string): ClusterNode | null {
  const words = line.trim().split(" ");
  const [id, , flags, primaryId] = words;
  if (words.length < 8 || !id || !flags || !primaryId) return null;
  return {
    id,
    flags: flags.split(","),
    primaryId,
    slots: words
      .slice(8)
      .map(parseRange)
      .filter((range) => range !== null),
  };
}

function parseRange(word: string): SlotRange | null {
  const match = /^(\d+)(?:-(\d+))?$/.exec(word);
  if (!match) return null;
  const first = Number(match[1]);
  return [first, match[2] === undefined ? first : Number(match[2])];
}

/** How the node that was asked may appear in CLUSTER SLOTS. */
export interface Self {
  readonly host: string | null;
  readonly port: number;
  /** Port that the server itself listens on, where INFO told it. */
  readonly serverPort: number | null;
}

/**
 * Slots of the node that was asked, from CLUSTER SLOTS: rows of `[first, last, [host, port, id], replica...]`.
 *
 * An empty or missing host means the node that was asked; the port tells it apart where every node's host is missing
 * (`cluster-preferred-endpoint-type unknown-endpoint`). `null`: the node is not in any row.
 */
export function slotsFromRows(reply: unknown, self: Self): SlotRange[] | null {
  if (!Array.isArray(reply)) return null;
  const ranges: SlotRange[] = [];
  for (const row of reply as unknown[]) {
    if (!Array.isArray(row)) continue;
    const [first, last, ...nodes] = row as unknown[];
    if (nodes.some((node) => isSelf(node, self))) ranges.push([Number(first), Number(last)]);
  }
  return ranges.length === 0 ? null : normalized(ranges);
}

function isSelf(node: unknown, self: Self): boolean {
  if (!Array.isArray(node)) return false;
  const [host, port] = node as unknown[];
  if (Number(port) !== self.port && Number(port) !== self.serverPort) return false;
  return host === null || host === "" || host === "?" || host === self.host;
}

/** Valid ranges in order, neighbours joined. */
function normalized(ranges: readonly SlotRange[]): SlotRange[] {
  const sorted = ranges
    .filter(([first, last]) => first >= 0 && first <= last && last < SLOT_COUNT)
    .sort(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [first, last] of sorted) {
    const before = joined.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}
