import { briefBytes, briefShare } from "../../model/figures.ts";
import type { ExplainedSlot } from "../../scans/balance/hot-slots.ts";
import type { BalancedNode } from "../../scans/balance/node-comparison.ts";
import { type BalanceScan, type BalanceScanOptions, scanBalance } from "../../scans/balance.ts";
import { formatRate } from "../view/numbers.ts";
import { type Column, tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";

export type BalanceCommandOptions = ServerOptions & BalanceScanOptions & { readonly replicas?: boolean };

/** `keyheat scan balance`. Returns the exit code. */
export function balanceCommand(options: BalanceCommandOptions, io: ScanIo): Promise<number> {
  const { replicas = false } = options;
  return runScan(
    { name: "balance", replicas, run: (context) => scanBalance(context, options), lines: balanceLines },
    options,
    io,
  );
}

const UNKNOWN = "-";
const orUnknown = (value: number | null, show: (known: number) => string) =>
  value === null ? UNKNOWN : show(value);
const perSecond = (bytes: number) => `${briefBytes(bytes)}/s`;
const count = (value: number) => value.toLocaleString("en-US");

const NODES: readonly Column<BalancedNode>[] = [
  { head: "NODE", isFlexible: true, cell: ({ target }) => target },
  { head: "ROLE", cell: ({ role }) => role },
  { head: "SLOTS", align: "right", cell: ({ slots }) => orUnknown(slots, count) },
  { head: "KEYS", align: "right", cell: ({ keys }) => count(keys) },
  { head: "MEMORY", align: "right", cell: ({ usedMemoryBytes }) => orUnknown(usedMemoryBytes, briefBytes) },
  { head: "CLIENTS", align: "right", cell: ({ connectedClients }) => orUnknown(connectedClients, count) },
  { head: "OPS/S", align: "right", cell: ({ opsPerSecond }) => orUnknown(opsPerSecond, formatRate) },
  { head: "RATIO", align: "right", cell: ({ opsRatio }) => orUnknown(opsRatio, (ratio) => `${ratio}x`) },
  { head: "CPU", align: "right", cell: ({ cpuShare }) => orUnknown(cpuShare, briefShare) },
  { head: "IN", align: "right", cell: (node) => orUnknown(node.networkInBytesPerSecond, perSecond) },
  { head: "OUT", align: "right", cell: (node) => orUnknown(node.networkOutBytesPerSecond, perSecond) },
  { head: "", cell: ({ potentiallyHot }) => (potentiallyHot ? "potentially hot" : "") },
];

const SLOTS: readonly Column<ExplainedSlot>[] = [
  { head: "HOTTEST SLOTS", align: "right", cell: ({ slot }) => String(slot) },
  { head: "NODE", cell: ({ target }) => target },
  { head: "CPU", align: "right", cell: ({ cpuShare }) => briefShare(cpuShare) },
  { head: "IN", align: "right", cell: (slot) => perSecond(slot.networkInBytesPerSecond) },
  { head: "OUT", align: "right", cell: (slot) => perSecond(slot.networkOutBytesPerSecond) },
  { head: "KEYS", align: "right", cell: ({ keys }) => count(keys) },
  { head: "EXPLAINED BY", isFlexible: true, cell: (slot) => explanationText(slot) },
];

const SLOT_STATS_OFF =
  "where the load lies by slot is not counted; to see it run at each node: CONFIG SET cluster-slot-stats-enabled yes (Valkey), or CONFIG SET cluster-slot-stats-enabled 'cpu net' (Redis 8.2 and newer)";

/** Pure. */
export function balanceLines(balance: BalanceScan, columns: number): string[] {
  const { nodes, avgKeys, avgMemoryBytes, avgOpsPerSecond, seconds, hottestSlots, slotStats } = balance;
  const { maxKeyImbalance, maxMemoryImbalance, maxOpsImbalance } = balance;
  const most = (ratio: number | null) => orUnknown(ratio, (known) => `most ${known}x`);
  return [
    ...tableLines(NODES, nodes, columns),
    "",
    `mean of the primaries: ${formatRate(avgKeys)} keys (${most(maxKeyImbalance)}), ${briefBytes(avgMemoryBytes)} (${most(maxMemoryImbalance)}), ${formatRate(avgOpsPerSecond)} ops/s (${most(maxOpsImbalance)}), measured for ${seconds.toFixed(1)} s`,
    ...(hottestSlots === null || hottestSlots.length === 0
      ? []
      : ["", ...tableLines(SLOTS, hottestSlots, columns)]),
    ...(slotStats === "off" ? [SLOT_STATS_OFF] : []),
  ];
}

function explanationText(slot: ExplainedSlot): string {
  const { explainedBy, keys } = slot;
  if (explainedBy === null) return keys > 1 ? "no key stands out: keyheat scan monitor" : UNKNOWN;
  const why = explainedBy.because === "only-key" ? "its only key" : "by frequency";
  return `${shownKeyText(explainedBy)} (${why})`;
}
