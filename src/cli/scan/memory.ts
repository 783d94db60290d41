import { briefBytes, briefShare } from "../../model/figures.ts";
import { visible } from "../../model/visible-text.ts";
import type { PatternRow } from "../../scans/memory/pattern-rows.ts";
import { type MemoryScan, type MemoryScanOptions, scanMemory } from "../../scans/memory.ts";
import { type Column, tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";
import { sweptLines } from "./swept-lines.ts";

export type MemoryCommandOptions = ServerOptions & MemoryScanOptions;

/** `keyheat scan memory`. Returns the exit code. */
export function memoryCommand(options: MemoryCommandOptions, io: ScanIo): Promise<number> {
  return runScan(
    { name: "memory", run: (context) => scanMemory(context, options), lines: memoryLines },
    options,
    io,
  );
}

const PATTERN: Column<PatternRow> = {
  head: "PATTERN",
  isFlexible: true,
  cell: ({ pattern, isRest }) => (isRest ? "(other)" : visible(pattern)),
};

const SIZES: readonly Column<PatternRow>[] = [
  { head: "KEYS", align: "right", cell: ({ keys }) => keys.toLocaleString("en-US") },
  { head: "TOTAL", align: "right", cell: ({ totalBytes }) => briefBytes(totalBytes) },
  { head: "SHARE", align: "right", cell: ({ share }) => briefShare(share) },
  { head: "AVERAGE", align: "right", cell: ({ averageBytes }) => bytesText(averageBytes) },
  { head: "LARGEST", align: "right", cell: ({ largestBytes }) => bytesText(largestBytes) },
];

const BOUNDS: Column<PatternRow> = {
  head: "TOTAL IS BETWEEN",
  cell: ({ lowerBytes, upperBytes }) => `${briefBytes(lowerBytes)} and ${bytesText(upperBytes, "?")}`,
};

const MEASURED: Column<PatternRow> = {
  head: "MEASURED",
  align: "right",
  cell: ({ measured }) => measured.toLocaleString("en-US"),
};

const UNMEASURED: Column<PatternRow> = {
  head: "NOT MEASURED",
  align: "right",
  cell: ({ unmeasured }) => unmeasured.toLocaleString("en-US"),
};

const LARGEST_KEY: Column<PatternRow> = {
  head: "LARGEST KEY",
  cell: ({ largestKey }) => (largestKey === null ? "-" : shownKeyText(largestKey)),
};

/** Pure. */
export function memoryLines(scan: MemoryScan, columns: number): string[] {
  const { servers, totalKeys, totalBytes, patterns, sampled, unmeasuredKeys, foldedPatterns } = scan;
  if (patterns.length === 0) return ["no keys", ...sweptLines(servers)];
  const hasBounds = sampled || foldedPatterns > 0;
  const table = [
    PATTERN,
    ...SIZES,
    ...(hasBounds ? [BOUNDS, MEASURED] : []),
    ...(unmeasuredKeys > 0 ? [UNMEASURED] : []),
    LARGEST_KEY,
  ];
  return [
    ...tableLines(table, patterns, columns),
    "",
    `${totalKeys.toLocaleString("en-US")} keys, ${briefBytes(totalBytes)} by MEMORY USAGE${totalBounds(scan)}`,
    ...notes(scan),
    ...sweptLines(servers),
  ];
}

function totalBounds({ sampled, lowerBytes, upperBytes }: MemoryScan): string {
  if (!sampled) return "";
  return ` (${briefBytes(lowerBytes)} to ${bytesText(upperBytes, "an unknown size")}, 95% sure)`;
}

function notes({ sampled, unmeasuredKeys, foldedPatterns }: MemoryScan): string[] {
  const figure = (value: number) => value.toLocaleString("en-US");
  return [
    ...(sampled
      ? [
          "estimated from a sample; where few keys hold most of the bytes there may be more; LARGEST is that of the measured keys",
        ]
      : []),
    ...(unmeasuredKeys > 0
      ? [
          `not in the sizes: ${sampled ? "about " : ""}${figure(unmeasuredKeys)} streams and the like, as measuring them could block the server`,
        ]
      : []),
    ...(foldedPatterns > 0
      ? [
          `patterns that were too many and too small to be kept, so that their keys are in (other): ${figure(foldedPatterns)}`,
        ]
      : []),
  ];
}

function bytesText(bytes: number | null, unknown = "-"): string {
  return bytes === null ? unknown : briefBytes(bytes);
}
