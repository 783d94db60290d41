import type { SlotRange } from "../../model/slot.ts";
import type { ScanServer } from "../scan-server.ts";

/** What a server counts of one slot since its start, or since the last reset. */
export interface SlotStat {
  readonly slot: number;
  readonly keys: number;
  readonly cpuMicroseconds: number;
  readonly networkInBytes: number;
  readonly networkOutBytes: number;
}

/** `off`: the server knows the command and counts nothing but keys. `absent`: it is older, or the user may not. */
export type SlotStats =
  | {
      readonly state: "on";
      readonly slots: ReadonlyMap<number, SlotStat>;
      /** Monotonic, when the last answer came. */
      readonly takenAtMs: number;
    }
  | { readonly state: "off" | "absent" };

/** An answer for more slots would hold the server for longer than a moment. */
const SLOTS_AT_ONCE = 256;

/** Counts of all slots of a server. Source: Redis (8.2) and Valkey (8.0) command reference, CLUSTER SLOT-STATS. */
export async function readSlotStats(server: ScanServer, monotonic: () => number): Promise<SlotStats> {
  const slots = new Map<number, SlotStat>();
  for (const [first, last] of (server.poll.slots ?? []).flatMap(pieces)) {
    const [answer] = await server.ask([["CLUSTER", "SLOT-STATS", "SLOTSRANGE", first, last]]);
    if (!answer || "error" in answer) return { state: "absent" };
    const rows = slotStatsOf(answer.value);
    if (rows === null) return { state: "off" };
    for (const row of rows) slots.set(row.slot, row);
  }
  return slots.size === 0 ? { state: "absent" } : { state: "on", slots, takenAtMs: monotonic() };
}

function pieces([first, last]: SlotRange): SlotRange[] {
  const count = Math.ceil((last - first + 1) / SLOTS_AT_ONCE);
  return Array.from({ length: count }, (_, piece) => {
    const start = first + piece * SLOTS_AT_ONCE;
    return [start, Math.min(last, start + SLOTS_AT_ONCE - 1)] as const;
  });
}

/** Rows of an answer (strings as Buffers); `null`: the server counts nothing but keys. What is no row is left out. */
export function slotStatsOf(reply: unknown): SlotStat[] | null {
  if (!Array.isArray(reply)) return [];
  const rows = (reply as unknown[]).flatMap((row) => {
    const [slot, fields] = Array.isArray(row) ? (row as unknown[]) : [];
    return typeof slot === "number" && Array.isArray(fields) ? [{ slot, counts: countsOf(fields) }] : [];
  });
  if (rows.length > 0 && rows.every(({ counts }) => !counts.has("cpu-usec"))) return null;
  return rows.map(({ slot, counts }) => ({
    slot,
    keys: counts.get("key-count") ?? 0,
    cpuMicroseconds: counts.get("cpu-usec") ?? 0,
    networkInBytes: counts.get("network-bytes-in") ?? 0,
    networkOutBytes: counts.get("network-bytes-out") ?? 0,
  }));
}

function countsOf(fields: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + 1 < fields.length; i += 2) counts.set(String(fields[i]), Number(fields[i + 1]));
  return counts;
}
