import { rounded } from "../../model/rounded.ts";
import type { Role } from "../../model/target.ts";
import type { Activity } from "./reading.ts";

/** A node, as measured. */
export interface MeasuredNode extends Activity {
  readonly target: string;
  readonly role: Role;
  /** How many it has; `null` outside Cluster mode. */
  readonly slots: number | null;
  readonly keys: number;
  readonly usedMemoryBytes: number | null;
  readonly connectedClients: number | null;
}

/** A node beside its peers: those of its role. */
export interface BalancedNode extends MeasuredNode {
  /** Over the mean of its peers, itself included; `null`: not known. */
  readonly opsRatio: number | null;
  /** It does more than twice what its peers do on average. */
  readonly potentiallyHot: boolean;
}

/** How even the nodes are. An imbalance is the largest over the mean; `null` where the mean is 0. */
export interface Balance {
  readonly nodes: readonly BalancedNode[];
  readonly avgKeys: number;
  readonly avgMemoryBytes: number;
  readonly avgOpsPerSecond: number;
  readonly maxKeyImbalance: number | null;
  readonly maxMemoryImbalance: number | null;
  readonly maxOpsImbalance: number | null;
}

const HOT_RATIO = 2;
const DECIMALS = 2;

/** Compares nodes; averages and imbalances are those of the primaries, where there are any. Pure. */
export function compared(nodes: readonly MeasuredNode[]): Balance {
  const primaries = nodes.filter(({ role }) => role === "primary");
  const counted = primaries.length > 0 ? primaries : nodes;
  const keys = counted.map((node) => node.keys);
  // What a node does not tell, as after a restart, is not 0: it would make the others hot.
  const memory = counted.flatMap(({ usedMemoryBytes }) => usedMemoryBytes ?? []);
  const ops = counted.flatMap(({ opsPerSecond }) => opsPerSecond ?? []);
  return {
    nodes: nodes.map((node) => ({ ...node, ...heatOf(node, nodes) })).sort(byLoad),
    avgKeys: rounded(meanOf(keys), DECIMALS),
    avgMemoryBytes: Math.round(meanOf(memory)),
    avgOpsPerSecond: rounded(meanOf(ops), DECIMALS),
    maxKeyImbalance: imbalanceOf(keys),
    maxMemoryImbalance: imbalanceOf(memory),
    maxOpsImbalance: imbalanceOf(ops),
  };
}

function heatOf(
  { role, opsPerSecond }: MeasuredNode,
  nodes: readonly MeasuredNode[],
): Pick<BalancedNode, "opsRatio" | "potentiallyHot"> {
  const known = nodes.flatMap((peer) => (peer.role === role ? (peer.opsPerSecond ?? []) : []));
  const mean = meanOf(known);
  if (opsPerSecond === null || mean === 0) return { opsRatio: null, potentiallyHot: false };
  const ratio = opsPerSecond / mean;
  return { opsRatio: rounded(ratio, DECIMALS), potentiallyHot: ratio > HOT_RATIO };
}

/** Primaries first, then who does most. */
function byLoad(a: MeasuredNode, b: MeasuredNode): number {
  const isPrimary = ({ role }: MeasuredNode) => Number(role === "primary");
  return isPrimary(b) - isPrimary(a) || (b.opsPerSecond ?? 0) - (a.opsPerSecond ?? 0);
}

function imbalanceOf(values: readonly number[]): number | null {
  const mean = meanOf(values);
  return mean === 0 ? null : rounded(Math.max(...values) / mean, DECIMALS);
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
