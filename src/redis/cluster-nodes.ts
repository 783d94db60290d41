import { SLOT_COUNT, type SlotRange } from "../model/slot.ts";

/** One line of CLUSTER NODES. */
export interface ClusterNode {
  readonly id: string;
  /** As it is announced; empty: not known, which only the asked node itself may be. */
  readonly ip: string;
  /** Of the kind of connection that asked (TLS or not), as far as the server tells them apart. */
  readonly port: number;
  /** `cluster-announce-hostname`; empty: none. */
  readonly hostname: string;
  readonly flags: readonly string[];
  /** `-`: it is a primary. */
  readonly primaryId: string;
  readonly epoch: number;
  /** Its own, valid, in order, neighbours joined. */
  readonly slots: readonly SlotRange[];
}

/** Lines of CLUSTER NODES; `null`: no such reply. Source: Redis command reference, CLUSTER NODES. */
export function parseClusterNodes(reply: unknown): ClusterNode[] | null {
  if (typeof reply !== "string") return null;
  return reply.split("\n").flatMap((line) => parseNode(line) ?? []);
}

export function isReplicaNode({ flags }: ClusterNode): boolean {
  return flags.includes("slave") || flags.includes("replica");
}

/** Slots of a node, of a replica those of its primary. */
export function servedSlots(node: ClusterNode, nodes: readonly ClusterNode[]): readonly SlotRange[] {
  const owner = isReplicaNode(node) ? nodes.find(({ id }) => id === node.primaryId) : node;
  return owner?.slots ?? [];
}

/** Valid ranges in order, neighbours joined. */
export function normalizedSlots(ranges: readonly SlotRange[]): SlotRange[] {
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

/** `ID ADDRESS FLAGS PRIMARY PING PONG EPOCH LINK SLOT...`; slots on the move are `[slot->-id]` and stay with their owner. */
function parseNode(line: string): ClusterNode | null {
  const words = line.trim().split(" ");
  const [id, address, flags, primaryId, , , epoch] = words;
  if (words.length < 8 || !id || !address || !flags || !primaryId) return null;
  return {
    id,
    ...parseAddress(address),
    flags: flags.split(","),
    primaryId,
    epoch: Number(epoch) || 0,
    slots: normalizedSlots(
      words
        .slice(8)
        .map(parseRange)
        .filter((range) => range !== null),
    ),
  };
}

/** `IP:PORT@BUSPORT[,HOSTNAME[,NAME=VALUE]...]`; an IPv6 address has no brackets here. */
function parseAddress(word: string): Pick<ClusterNode, "ip" | "port" | "hostname"> {
  const [place = "", hostname = ""] = word.split(",");
  const match = /^(.*):(\d+)(?:@\d+)?$/.exec(place);
  return { ip: match?.[1] ?? "", port: Number(match?.[2] ?? 0), hostname };
}

function parseRange(word: string): SlotRange | null {
  const match = /^(\d+)(?:-(\d+))?$/.exec(word);
  if (!match) return null;
  const first = Number(match[1]);
  return [first, match[2] === undefined ? first : Number(match[2])];
}
