import { keyId } from "../../model/key.ts";
import { COMMANDS_PER_ENTRY, SERVICES_PER_ENTRY } from "../../model/pane.ts";
import { largestOf, type NameCounts } from "./name-counts.ts";

/** What one pane has counted of one key, with one sampling probability: raw, and since it last left as an early part. */
export interface SampleRow {
  readonly db: number;
  /** Kept form, one character a byte. */
  readonly key: string;
  /** Misses included. */
  reads: number;
  writes: number;
  misses: number;
  absorbed: number;
  bytes: number;
  /** Accesses that may have been counted before the row was there: at most the floor of its summary. */
  readonly error: number;
  /** `null`: none was told. */
  commands: NameCounts | null;
  services: NameCounts | null;
  /** Accesses a second, scaled, of all batches so far; those shorter than the pane as if they were as long. */
  panePerSecond: number;
  /** Batches of this round: what they hold, scaled, the time that they cover together, and the fastest of them. */
  roundLoad: number;
  roundFromMs: number;
  roundToMs: number;
  roundBestPerSecond: number;
  /** Of the last round that had any. */
  lastPerSecond: number;
  /** Whether it is among the rows that this round has touched. */
  isTouched: boolean;
  /** Whether some of it left as an early part. */
  wasSent: boolean;
  /** Whether it left its summary for want of memory. */
  isGone: boolean;
}

/** A rate over less time would be noise. */
const RATE_MS_MIN = 50;

/** Notes `load` accesses (scaled) of a batch that covers `lengthMs` from `fromMs` on. */
export function noteRound(row: SampleRow, load: number, fromMs: number, lengthMs: number): void {
  row.roundLoad += load;
  row.roundFromMs = Math.min(row.roundFromMs, fromMs);
  row.roundToMs = Math.max(row.roundToMs, fromMs + lengthMs);
  row.roundBestPerSecond = Math.max(row.roundBestPerSecond, perSecond(load, lengthMs));
}

/** Accesses a second in this round: batches of one client follow each other, those of several lie side by side. */
export function roundPerSecond(row: SampleRow): number {
  if (row.roundLoad === 0) return 0;
  return Math.max(row.roundBestPerSecond, perSecond(row.roundLoad, row.roundToMs - row.roundFromMs));
}

export function closeRound(row: SampleRow): void {
  row.lastPerSecond = roundPerSecond(row);
  row.roundLoad = 0;
  row.roundFromMs = Number.POSITIVE_INFINITY;
  row.roundToMs = 0;
  row.roundBestPerSecond = 0;
}

function perSecond(load: number, lengthMs: number): number {
  return (load * 1000) / Math.max(lengthMs, RATE_MS_MIN);
}

export function newRow(db: number, key: string, error: number): SampleRow {
  return {
    db,
    key,
    reads: 0,
    writes: 0,
    misses: 0,
    absorbed: 0,
    bytes: 0,
    error,
    commands: null,
    services: null,
    panePerSecond: 0,
    roundLoad: 0,
    roundFromMs: Number.POSITIVE_INFINITY,
    roundToMs: 0,
    roundBestPerSecond: 0,
    lastPerSecond: 0,
    isTouched: false,
    wasSent: false,
    isGone: false,
  };
}

/** How many names its lists hold. */
export function namesOf({ commands, services }: SampleRow): number {
  return ((commands?.length ?? 0) + (services?.length ?? 0)) / 2;
}

/** Load on the server: what the clients' own caches answered is none. */
export function loadOf({ reads, writes }: SampleRow): number {
  return reads + writes;
}

/** What decides which rows stay: at least the upper bound of the load, so that a floor of weights bounds loads too. */
export function weightOf(row: SampleRow): number {
  return row.reads + row.writes + row.absorbed + row.error;
}

export function keyBytesOf({ key }: SampleRow): Uint8Array {
  return Buffer.from(key, "latin1");
}

export function idOfRow(row: SampleRow): string {
  return keyId(row.db, keyBytesOf(row));
}

export function clearCounts(row: SampleRow): void {
  row.reads = 0;
  row.writes = 0;
  row.misses = 0;
  row.absorbed = 0;
  row.bytes = 0;
  row.commands = null;
  row.services = null;
}

/** What a part says of a row. `error`: 0 in early parts. */
export interface CountedRow {
  readonly db: number;
  readonly key: Uint8Array;
  readonly read: number;
  readonly write: number;
  readonly miss: number;
  readonly absorbed: number;
  readonly bytes: number;
  readonly error: number;
  readonly currentPerSecond: number;
  readonly commands: readonly (readonly [id: number, count: number])[];
  readonly services: readonly (readonly [id: number, count: number])[];
}

export function countedRow(row: SampleRow, error: number, currentPerSecond: number): CountedRow {
  return {
    db: row.db,
    key: keyBytesOf(row),
    read: row.reads,
    write: row.writes,
    miss: row.misses,
    absorbed: row.absorbed,
    bytes: row.bytes,
    error,
    currentPerSecond,
    commands: largestOf(row.commands, COMMANDS_PER_ENTRY),
    services: largestOf(row.services, SERVICES_PER_ENTRY),
  };
}
