import type { Kind, Vantage } from "../../model/access.ts";
import { formatDuration } from "../../model/duration-text.ts";
import type { Sort } from "./key-order.ts";
import { formatShare, marginWithin, rateWithin } from "./numbers.ts";
import type { KeyRow } from "./scene.ts";
import { type Trails, trailOf, trailText } from "./trails.ts";

/** What cells are written from, beside the key. */
export interface CellContext {
  readonly trails: Trails;
  readonly nowMs: number;
}

/** A column of the table of keys. */
export interface KeyColumn {
  readonly head: string;
  readonly align: "left" | "right";
  /** Columns of the terminal that it needs at least. */
  readonly columnsMin: number;
  /** The order that goes by it: its head is marked then. */
  readonly sort?: Sort;
  cell(row: KeyRow, columns: number, context: CellContext): string;
}

const WORDS: Readonly<Record<Vantage, string>> = {
  "server-events": "events",
  "server-commands": "commands",
  clients: "clients",
  traces: "traces",
  requests: "requests",
};

/** Where the numbers of a key come from: `events`, `clients+events`. */
export function vantageText({ vantages }: KeyRow): string {
  const words = [vantages.read, vantages.miss, vantages.write].flatMap((vantage) =>
    vantage === undefined ? [] : [WORDS[vantage]],
  );
  return words.length === 0 ? "-" : [...new Set(words)].join("+");
}

const INCIDENT_WITH_AGE_COLUMNS = 18;

function incidentText({ incidents: [worst] }: KeyRow, columns: number, nowMs: number): string {
  if (worst === undefined) return "";
  const age = formatDuration(nowMs - worst.startedAtMs);
  return columns < INCIDENT_WITH_AGE_COLUMNS ? worst.status : `${worst.status} ${age}`;
}

const RANK: KeyColumn = {
  head: "#",
  align: "right",
  columnsMin: 3,
  cell: ({ rank }) => String(rank),
};
const KEY: KeyColumn = {
  head: "KEY",
  align: "left",
  columnsMin: 20,
  cell: ({ label, db }) => (db === 0 ? label : `${label} (db ${db})`),
};
const PATTERN: KeyColumn = {
  head: "PATTERN",
  align: "left",
  columnsMin: 16,
  cell: ({ pattern }) => pattern,
};
const READ = kindColumn("READ/S", "read");
const WRITE = kindColumn("WRITE/S", "write");
const MISS = kindColumn("MISS/S", "miss");
const TOTAL: KeyColumn = {
  head: "TOTAL/S",
  align: "right",
  columnsMin: 7,
  sort: "total",
  cell: ({ ratePerSecond }, columns) => rateWithin(ratePerSecond, columns),
};
const TREND: KeyColumn = {
  head: "TREND",
  align: "right",
  columnsMin: 7,
  sort: "current",
  cell: ({ id }, columns, { trails }) => trailText(trailOf(trails, id), columns),
};
const BOUND: KeyColumn = {
  head: "±BOUND",
  align: "right",
  columnsMin: 6,
  cell: ({ marginPerSecond }, columns) => marginWithin(marginPerSecond, columns),
};
const SHARE: KeyColumn = {
  head: "SHARE",
  align: "right",
  columnsMin: 6,
  sort: "share",
  cell: ({ share }) => formatShare(share),
};
const VANTAGE: KeyColumn = { head: "VANTAGE", align: "left", columnsMin: 14, cell: vantageText };
const SERVICES: KeyColumn = {
  head: "SERVICES",
  align: "left",
  columnsMin: 12,
  cell: ({ services }) => (services.length === 0 ? "-" : services.map(({ name }) => name).join(", ")),
};
const INCIDENT: KeyColumn = {
  head: "INCIDENT",
  align: "left",
  columnsMin: 8,
  cell: (row, columns, { nowMs }) => incidentText(row, columns, nowMs),
};

/** From left to right. */
const ALL = [RANK, KEY, PATTERN, READ, WRITE, MISS, TOTAL, TREND, BOUND, SHARE, VANTAGE, SERVICES, INCIDENT];

/** In this order they come, as the terminal is wider; the first that finds no room ends it. */
const WANTED: readonly (readonly KeyColumn[])[] = [
  [TOTAL],
  [INCIDENT],
  [BOUND],
  [SHARE],
  [READ, WRITE],
  [TREND],
  [MISS],
  [VANTAGE],
  [SERVICES],
  [PATTERN],
];

/** Then they grow, one after the other, each up to so many columns. */
const GROWTH: readonly { readonly column: KeyColumn; readonly columnsMax: number }[] = [
  { column: KEY, columnsMax: 32 },
  { column: TREND, columnsMax: 20 },
  { column: PATTERN, columnsMax: 24 },
  { column: INCIDENT, columnsMax: 18 },
  { column: SERVICES, columnsMax: 20 },
  { column: VANTAGE, columnsMax: 21 },
  { column: KEY, columnsMax: 48 },
  { column: TREND, columnsMax: 30 },
  { column: PATTERN, columnsMax: 40 },
  { column: SERVICES, columnsMax: 40 },
  { column: KEY, columnsMax: 120 },
];

/** A column with the place that it has. */
export interface PlacedColumn {
  readonly column: KeyColumn;
  readonly columns: number;
}

const KEY_COLUMNS_MIN = 4;

/** The columns for a terminal so wide, one blank between two of them; the key is the last to shrink. Pure. */
export function placedColumns(columns: number, { trails }: Pick<CellContext, "trails">): PlacedColumn[] {
  const hasTrends = trails.points.size > 0;
  const widths = new Map([RANK, KEY].map((column) => [column, column.columnsMin]));
  let left = columns - RANK.columnsMin - 1 - KEY.columnsMin;
  if (left < 0) widths.set(KEY, Math.max(KEY_COLUMNS_MIN, KEY.columnsMin + left));
  for (const group of WANTED) {
    if (!hasTrends && group.includes(TREND)) continue;
    const needed = group.reduce((sum, { columnsMin }) => sum + columnsMin + 1, 0);
    if (needed > left) break;
    for (const column of group) widths.set(column, column.columnsMin);
    left -= needed;
  }
  for (const { column, columnsMax } of GROWTH) {
    const width = widths.get(column);
    if (width === undefined) continue;
    const grown = Math.min(columnsMax - width, left);
    if (grown <= 0) continue;
    widths.set(column, width + grown);
    left -= grown;
  }
  return ALL.flatMap((column) => {
    const width = widths.get(column);
    return width === undefined ? [] : [{ column, columns: width }];
  });
}

function kindColumn(head: string, kind: Kind): KeyColumn {
  return {
    head,
    align: "right",
    columnsMin: 7,
    sort: kind,
    cell: ({ mix }, columns) => rateWithin(mix[kind], columns),
  };
}
