import { defaultConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problem.ts";
import { type EventScan, type EventScanOptions, scanEvents } from "../../scans/events.ts";
import { tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { countText, rateText } from "./rate-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";

export type EventsCommandOptions = ServerOptions & EventScanOptions;

/** `keyheat scan events`. Returns the exit code. Throws: ConfigError. */
export async function eventsCommand(options: EventsCommandOptions, io: ScanIo): Promise<number> {
  checkPatterns(options.patterns);
  return await runScan(
    { name: "events", run: (context) => scanEvents(context, options), lines: eventsLines },
    options,
    io,
  );
}

/** They are what the config takes as `sources.keyspace.patterns`. Throws: ConfigError. */
function checkPatterns(patterns: readonly string[]): void {
  try {
    defaultConfig({ sources: { keyspace: { patterns } } });
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    const problems = err.problems.map(({ message }) => ({ path: "--patterns", message }));
    throw new ConfigError("options", problems, { cause: err });
  }
}

type Row = EventScan["keys"][number];

const UNSEEN =
  "writes and misses: a read that finds its key causes no event and is not among them (keyheat scan monitor sees all reads)";

/** Pure. */
export function eventsLines(scan: EventScan, columns: number): string[] {
  if (scan.keys.length === 0) return [nothingSeen(scan), "", UNSEEN, summaryOf(scan)];
  const table = tableLines<Row>(
    [
      { head: "#", align: "right", cell: ({ rank }) => String(rank) },
      { head: "KEY", isFlexible: true, cell: (row) => shownKeyText(row) },
      { head: "/S", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.total) },
      { head: "WRITE", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.write) },
      { head: "MISS", align: "right", cell: ({ ratePerSecond }) => rateText(ratePerSecond.miss) },
      { head: "COUNT", align: "right", cell: ({ count }) => countText(count) },
      { head: "EVENTS", cell: ({ commands }) => Object.keys(commands).join(" ") },
      { head: "DB", align: "right", cell: ({ db }) => String(db) },
      { head: "SERVER", cell: ({ target }) => target },
    ],
    scan.keys,
    columns,
  );
  return [...table, "", UNSEEN, summaryOf(scan)];
}

function nothingSeen({ observed }: EventScan): string {
  return observed.events === 0
    ? "no events"
    : "no key stands out: none has more than 1 in 5,000 of the events";
}

function summaryOf({ seconds, observed, servers }: EventScan): string {
  const where = servers.length === 1 ? (servers[0]?.target ?? "") : `${servers.length} servers`;
  const number = (value: number) => value.toLocaleString("en-US");
  return `${number(observed.events)} events, ${number(observed.accesses)} accesses in ${seconds.toFixed(1)} s at ${where}`;
}
