import { formatDuration } from "../../model/duration-text.ts";
import { briefBytes } from "../../model/figures.ts";
import { visible } from "../../model/visible-text.ts";
import type { BigKey } from "../../scans/big/big-key.ts";
import type { TypeFigures } from "../../scans/big/type-tally.ts";
import { type BigScan, type BigScanOptions, scanBig } from "../../scans/big.ts";
import { type Column, tableLines } from "../view/table.ts";
import { shownKeyText } from "./key-text.ts";
import { runScan, type ScanIo } from "./run-scan.ts";
import type { ServerOptions } from "./server-options.ts";
import { sweptLines } from "./swept-lines.ts";

export type BigCommandOptions = ServerOptions & BigScanOptions;

/** `keyheat scan big`. Returns the exit code. */
export function bigCommand(options: BigCommandOptions, io: ScanIo): Promise<number> {
  return runScan({ name: "big", run: (context) => scanBig(context, options), lines: bigLines }, options, io);
}

const SIZE: Column<BigKey> = {
  head: "SIZE",
  align: "right",
  cell: ({ bytes }) => (bytes === null ? "-" : briefBytes(bytes)),
};

const KEY: readonly Column<BigKey>[] = [
  { head: "#", align: "right", cell: ({ rank }) => String(rank) },
  { head: "KEY", isFlexible: true, cell: (row) => shownKeyText(row) },
  { head: "TYPE", cell: ({ type }) => visible(type) },
];

const REST: readonly Column<BigKey>[] = [
  { head: "LENGTH", align: "right", cell: ({ length }) => length?.toLocaleString("en-US") ?? "-" },
  { head: "ENCODING", cell: ({ encoding }) => (encoding === null ? "-" : visible(encoding)) },
  { head: "EXPIRES IN", align: "right", cell: ({ ttlSeconds }) => expiryText(ttlSeconds) },
  { head: "DB", align: "right", cell: ({ db }) => String(db) },
  { head: "SERVER", cell: ({ target }) => target },
];

const TYPES: readonly Column<TypeFigures>[] = [
  { head: "TYPE", cell: ({ type }) => visible(type) },
  { head: "KEYS", align: "right", cell: ({ keys }) => keys.toLocaleString("en-US") },
  { head: "MEASURED", align: "right", cell: ({ measured }) => measured.toLocaleString("en-US") },
  { head: "TOTAL", align: "right", cell: (row) => ofMeasured(row, row.totalBytes) },
  {
    head: "AVERAGE",
    align: "right",
    cell: (row) => ofMeasured(row, row.totalBytes / Math.max(1, row.measured)),
  },
  { head: "LARGEST", align: "right", cell: (row) => ofMeasured(row, row.largestBytes ?? 0) },
  {
    head: "LARGEST KEY",
    isFlexible: true,
    cell: ({ largestKey }) => (largestKey === null ? "-" : shownKeyText(largestKey)),
  },
];

/** Pure. */
export function bigLines({ servers, aboveBytes, types, keys }: BigScan, columns: number): string[] {
  const measured = keys.filter(({ bytes }) => bytes !== null);
  const unmeasured = keys.filter(({ bytes }) => bytes === null);
  const none = `no measured key takes more than ${briefBytes(aboveBytes)}`;
  return [
    ...(measured.length === 0 ? [none] : tableLines([...KEY, SIZE, ...REST], measured, columns)),
    ...(unmeasured.length === 0
      ? []
      : ["", "by length, as measuring these could block the server:", ...lengthTable(unmeasured, columns)]),
    ...(types.length === 0 ? [] : ["", ...tableLines(TYPES, types, columns)]),
    "",
    "SIZE: by MEMORY USAGE, with the key's name; of a collection an estimate from some of its members",
    ...sweptLines(servers),
  ];
}

function lengthTable(keys: readonly BigKey[], columns: number): string[] {
  return tableLines([...KEY, ...REST], keys, columns);
}

function ofMeasured({ measured }: TypeFigures, bytes: number): string {
  return measured === 0 ? "-" : briefBytes(bytes);
}

function expiryText(ttlSeconds: number | null): string {
  return ttlSeconds === null ? "-" : formatDuration(ttlSeconds * 1000);
}
