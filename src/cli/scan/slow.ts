import { visible } from "../../model/visible-text.ts";
import {
  type SlowKey,
  type SlowScan,
  type SlowScanOptions,
  type SlowServer,
  scanSlow,
} from "../../scans/slow.ts";
import { type Column, tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";

export type SlowCommandOptions = ServerOptions & SlowScanOptions;

/** `keyheat scan slow`. Returns the exit code. */
export function slowCommand(options: SlowCommandOptions, io: ScanIo): Promise<number> {
  return runScan(
    { name: "slow", run: (context) => scanSlow(context, options), lines: slowLines },
    options,
    io,
  );
}

type WithoutKey = SlowScan["withoutKey"][number];

const TIMES: readonly Column<SlowKey | WithoutKey>[] = [
  { head: "COUNT", align: "right", cell: ({ count }) => count.toLocaleString("en-US") },
  { head: "TOTAL MS", align: "right", cell: ({ totalMs }) => totalMs.toFixed(1) },
  { head: "WORST MS", align: "right", cell: ({ worstMs }) => worstMs.toFixed(1) },
  { head: "LAST", cell: ({ lastAt }) => momentText(lastAt) },
];

const KEYS: readonly Column<SlowKey>[] = [
  { head: "#", align: "right", cell: ({ rank }) => String(rank) },
  { head: "KEY", isFlexible: true, cell: (row) => shownKeyText(row) },
  ...TIMES,
  { head: "COMMANDS", cell: ({ commands }) => commandsText(commands) },
  { head: "SERVER", cell: ({ target }) => target },
];

const COMMANDS: readonly Column<WithoutKey>[] = [
  { head: "COMMAND WITHOUT KEY", cell: ({ command }) => visible(command) },
  ...TIMES,
];

/** Pure. */
export function slowLines({ servers, entries, keys, withoutKey }: SlowScan, columns: number): string[] {
  return [
    ...(keys.length === 0 ? ["no slow commands with keys"] : tableLines(KEYS, keys, columns)),
    ...(withoutKey.length === 0 ? [] : ["", ...tableLines(COMMANDS, withoutKey, columns)]),
    "",
    `${entries.toLocaleString("en-US")} entries of the slow log; a command of several keys counts for each of them`,
    ...servers.flatMap(hintsOf),
  ];
}

function commandsText(commands: Readonly<Record<string, number>>): string {
  return Object.entries(commands)
    .map(([command, count]) => `${visible(command)} ${count}`)
    .join(", ");
}

/** What somebody who expected more should know. */
function hintsOf({ target, thresholdMs, sinceAt, isFull }: SlowServer): string[] {
  if (thresholdMs !== null && thresholdMs < 0)
    return [`${target}: the slow log is off; run: CONFIG SET slowlog-log-slower-than 10000`];
  const logs = thresholdMs === null ? [] : [`logs what takes longer than ${thresholdMs} ms`];
  const since = sinceAt === null ? [] : [`reaches back to ${momentText(sinceAt)}`];
  const empty = thresholdMs !== null && sinceAt === null ? ["nothing did"] : [];
  const full = isFull ? ["is full, so older entries have fallen out"] : [];
  const all = [...logs, ...empty, ...since, ...full];
  return all.length === 0 ? [] : [`${target}: ${all.join("; ")}`];
}

/** To the second. */
function momentText(iso: string): string {
  return `${iso.slice(0, 19)}Z`;
}
