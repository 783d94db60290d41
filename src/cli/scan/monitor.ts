import { type MonitorScan, type MonitorScanOptions, scanMonitor } from "../../scans/monitor.ts";
import { tableLines } from "../view/table.ts";
import { type ConsentInput, hasConsent } from "./consent.ts";
import { shownKeyText } from "./key-text.ts";
import { countText, rateText } from "./rate-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";

export type MonitorCommandOptions = ServerOptions & MonitorScanOptions & { readonly yes?: boolean };

const COST =
  "MONITOR makes a server send every command that it runs to this process as well: a SET costs it 5.9 us of CPU instead of 2.2 (measured).";
const DECLINED = 1;

/** `keyheat scan monitor`. Returns the exit code. */
export async function monitorCommand(
  options: MonitorCommandOptions,
  io: ScanIo,
  input: ConsentInput,
): Promise<number> {
  if (options.yes !== true && !(await hasConsent(questionOf(options), input, io))) {
    io.err.write("keyheat: MONITOR was not begun\n");
    return DECLINED;
  }
  return await runScan(
    { name: "monitor", run: (context) => scanMonitor(context, options), lines: monitorLines },
    options,
    io,
  );
}

function questionOf({ seconds }: MonitorCommandOptions): string {
  return `${COST} It is on for ${seconds} s at each server, and ends at once where a server slows down.`;
}

type Row = MonitorScan["keys"][number];

/** Pure. */
export function monitorLines(scan: MonitorScan, columns: number): string[] {
  if (scan.keys.length === 0) return ["no commands that use keys", summaryOf(scan)];
  const table = tableLines<Row>(
    [
      { head: "#", align: "right", cell: ({ rank }) => String(rank) },
      { head: "KEY", isFlexible: true, cell: (row) => shownKeyText(row) },
      { head: "/S", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.total) },
      { head: "READ", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.read) },
      { head: "WRITE", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.write) },
      { head: "COUNT", align: "right", cell: ({ count }) => countText(count) },
      { head: "SHARE", align: "right", cell: (row) => `${(row.shareOfCommands * 100).toFixed(1)}%` },
      { head: "COMMANDS", cell: ({ commands }) => Object.keys(commands).join(" ") },
      { head: "DB", align: "right", cell: ({ db }) => String(db) },
      { head: "SERVER", cell: ({ target }) => target },
    ],
    scan.keys,
    columns,
  );
  return [...table, "", summaryOf(scan)];
}

function summaryOf({ seconds, commands, accesses, opsPerSecond, servers }: MonitorScan): string {
  const number = (value: number) => Math.round(value).toLocaleString("en-US");
  const where = servers.length === 1 ? (servers[0]?.target ?? "") : `${servers.length} servers`;
  const rates = `${number(opsPerSecond.before)} commands a second before, ${number(opsPerSecond.during)} meanwhile`;
  return `${number(commands)} commands, ${number(accesses)} accesses in ${seconds.toFixed(1)} s at ${where}; ${rates}`;
}
