import { rounded } from "../../model/rounded.ts";
import { cpuSecondsOf, databasesOf, infoNumber, parseInfo } from "../../redis/info.ts";
import type { ScanServer } from "../scan-server.ts";

/** What a server says of itself at one moment. Counters are since its start; `null`: not told. */
export interface Reading {
  /** Monotonic, when the answer came. */
  readonly takenAtMs: number;
  readonly runId: string | null;
  readonly keys: number;
  readonly usedMemoryBytes: number | null;
  readonly connectedClients: number | null;
  /** Commands that it ran, without this scan's own. */
  readonly commands: number | null;
  readonly cpuSeconds: number | null;
  readonly networkInBytes: number | null;
  readonly networkOutBytes: number | null;
}

/** Throws: `TargetError`. */
export async function readServer(server: ScanServer, monotonic: () => number): Promise<Reading> {
  const [text] = await server.need("info", [["INFO"]]);
  const takenAtMs = monotonic();
  const info = parseInfo(String(text));
  const commands = infoNumber(info, "total_commands_processed");
  return {
    takenAtMs,
    runId: info.get("run_id") ?? null,
    keys: Array.from(databasesOf(info).values()).reduce((sum, keys) => sum + keys, 0),
    usedMemoryBytes: infoNumber(info, "used_memory"),
    connectedClients: infoNumber(info, "connected_clients"),
    commands: commands === null ? null : commands - server.ran,
    cpuSeconds: cpuSecondsOf(info),
    networkInBytes: infoNumber(info, "total_net_input_bytes"),
    networkOutBytes: infoNumber(info, "total_net_output_bytes"),
  };
}

/** What a server did between two readings, each second; `null`: not known, as after a restart or a reset of its counters. */
export interface Activity {
  readonly opsPerSecond: number | null;
  /** Of one processor, by the server's main thread where it tells. */
  readonly cpuShare: number | null;
  readonly networkInBytesPerSecond: number | null;
  readonly networkOutBytesPerSecond: number | null;
}

/** Pure. */
export function activityBetween(first: Reading, second: Reading): Activity {
  const seconds = (second.takenAtMs - first.takenAtMs) / 1000;
  const isSame = first.runId === second.runId && seconds > 0;
  const perSecond = (before: number | null, after: number | null) =>
    !isSame || before === null || after === null || after < before ? null : (after - before) / seconds;
  return {
    opsPerSecond: roundedOrUnknown(perSecond(first.commands, second.commands), 1),
    cpuShare: roundedOrUnknown(perSecond(first.cpuSeconds, second.cpuSeconds), 4),
    networkInBytesPerSecond: roundedOrUnknown(perSecond(first.networkInBytes, second.networkInBytes), 0),
    networkOutBytesPerSecond: roundedOrUnknown(perSecond(first.networkOutBytes, second.networkOutBytes), 0),
  };
}

function roundedOrUnknown(value: number | null, decimals: number): number | null {
  return value === null ? null : rounded(value, decimals);
}
