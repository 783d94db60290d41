import { type HotScan, type HotScanOptions, scanHot } from "../../scans/hot.ts";
import { tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";
import { sweptLines } from "./swept-lines.ts";

export type HotCommandOptions = ServerOptions & HotScanOptions;

/** `keyheat scan hot`. Returns the exit code. */
export function hotCommand(options: HotCommandOptions, io: ScanIo): Promise<number> {
  return runScan({ name: "hot", run: (context) => scanHot(context, options), lines: hotLines }, options, io);
}

type Row = HotScan["keys"][number];

/** Pure. */
export function hotLines({ servers, keys }: HotScan, columns: number): string[] {
  if (keys.length === 0) return ["no keys", ...sweptLines(servers)];
  const table = tableLines<Row>(
    [
      { head: "#", align: "right", cell: ({ rank }) => String(rank) },
      { head: "KEY", isFlexible: true, cell: (row) => shownKeyText(row) },
      { head: "FREQ", align: "right", cell: ({ frequency }) => String(frequency) },
      { head: "DB", align: "right", cell: ({ db }) => String(db) },
      { head: "SERVER", cell: ({ target }) => target },
    ],
    keys,
    columns,
  );
  return [
    ...table,
    "",
    "FREQ: the server's own count, logarithmic up to 255, fading",
    ...sweptLines(servers),
  ];
}
