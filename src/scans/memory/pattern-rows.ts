import { joined, type LargestKey, type PatternFigures } from "./pattern-figures.ts";
import type { NamedFigures, PatternTable } from "./pattern-table.ts";

/** A pattern as the scan tells it. Bytes are of its keys without the unmeasured ones. */
export interface PatternRow {
  readonly rank: number;
  /** `other` where `isRest`. */
  readonly pattern: string;
  /** Keys of all patterns that have no row. */
  readonly isRest: boolean;
  readonly keys: number;
  /** More than `keys` only where there were so many patterns that some of its keys may be among the rest. */
  readonly keysMax: number;
  /** Keys that the bytes are known of. */
  readonly measured: number;
  /** Keys of types that are not measured. */
  readonly unmeasured: number;
  /** Whether some keys were not looked at, so that totals are estimates. */
  readonly sampled: boolean;
  readonly averageBytes: number | null;
  readonly totalBytes: number;
  /** `totalBytes` is between these: surely where `sampled` is false, else in 95% of the cases. */
  readonly lowerBytes: number;
  /** `null`: not known. */
  readonly upperBytes: number | null;
  /** Of the total of all patterns, 0..1. */
  readonly share: number;
  /** Of those that were measured. */
  readonly largestBytes: number | null;
  readonly largestKey: LargestKey | null;
}

export interface PatternRows {
  readonly patterns: readonly PatternRow[];
  readonly total: PatternRow;
}

const REST = "other";
const TOTAL = "all";
const UNKNOWN_MARGIN = { below: Number.POSITIVE_INFINITY, above: Number.POSITIVE_INFINITY };

/** Rows of the `limit` patterns with the most bytes, and one of the rest: `always`, or where there is any. */
export function patternRows(table: PatternTable, limit: number, always: boolean): PatternRows {
  const all = table.patterns();
  const shown = all.slice(0, limit);
  const rest = all.slice(limit).reduce<PatternFigures>(joined, table.rest());
  const total = shown.reduce<PatternFigures>(joined, rest);
  const rows = shown.map((figures, index) => rowOf(figures, index + 1, total.totalBytes));
  const restRow = rowOf({ pattern: REST, ...rest }, rows.length + 1, total.totalBytes, true);
  return {
    patterns: always || rest.keys > 0 ? [...rows, restRow] : rows,
    total: rowOf({ pattern: TOTAL, ...total }, 0, total.totalBytes),
  };
}

function rowOf(figures: NamedFigures, rank: number, allBytes: number, isRest = false): PatternRow {
  const { pattern, keys, lostKeysMax, measured, unmeasured, totalBytes, largestBytes, largestKey } = figures;
  const weighed = keys - unmeasured;
  return {
    rank,
    pattern,
    isRest,
    keys,
    keysMax: keys + lostKeysMax,
    measured,
    unmeasured,
    sampled: measured < weighed,
    averageBytes: weighed > 0 ? Math.round(totalBytes / weighed) : null,
    totalBytes: Math.round(totalBytes),
    ...boundsOf(figures),
    share: allBytes > 0 ? totalBytes / allBytes : 0,
    largestBytes,
    largestKey,
  };
}

function boundsOf({ totalBytes, sureBytes, margin, lostBytesMax }: PatternFigures) {
  const { below, above } = margin ?? UNKNOWN_MARGIN;
  const upper = totalBytes + above + lostBytesMax;
  return {
    lowerBytes: Math.floor(Math.max(sureBytes, totalBytes - below)),
    upperBytes: Number.isFinite(upper) ? Math.ceil(upper) : null,
  };
}
