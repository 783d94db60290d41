import type { KindCounts } from "../model/access.ts";
import { keyId } from "../model/key.ts";
import {
  COMMANDS_PER_ENTRY,
  type PaneEntries,
  type PanePart,
  type PaneTotals,
  SERVICES_PER_ENTRY,
} from "../model/pane.ts";
import { sureOf } from "./columns.ts";
import { type ClientRow, type EntryRow, entriesOf } from "./entries.ts";

/** Command names are told by a byte, 0 means none; service names by two. */
const COMMAND_NAMES_MAX = 255;
const SERVICE_NAMES_MAX = 65_535;

/** Where the merged pane lies, and how much it may hold. */
export interface MergedPlace {
  readonly startMs: number;
  readonly lengthMs: number;
  /** Number of the part: the caller sees to it that no other part of this start and bucket has it. */
  readonly part: number;
  /** Whether nothing was missed in all of `[startMs, startMs + lengthMs)`. */
  readonly complete: boolean;
  readonly entriesMax: number;
}

/**
 * One closing part for whole panes of one agent, epoch, target, vantage and bucket: a pane of coarser resolution.
 *
 * Error: the true number of a key's accesses in all the panes lies between its sure count and that plus maybes and
 * errors; of a key that is not among the entries it is at most the floor.
 * Order and grouping do not matter, except that panes that were cut to `entriesMax` have a higher floor.
 * Throws: RangeError for no parts, or parts that must not be merged (`mayMerge`).
 * Source: Agarwal et al., "Mergeable Summaries", PODS 2012.
 */
export function mergePanes(parts: readonly PanePart[], place: MergedPlace): PanePart {
  const [first, ...others] = parts;
  if (!first || !others.every((part) => mayMerge(first, part)))
    throw new RangeError("these parts do not merge");
  const { entriesMax, ...where } = place;
  const merged = mergeSummaries(parts, entriesMax);
  return { ...first, ...where, ...merged, closing: true, parts: 1, totals: sumOfTotals(parts) };
}

/** Whether two parts are of one stream and of one way of seeing: only then their sums mean something. */
export function mayMerge(a: PanePart, b: PanePart): boolean {
  return streamOf(a) === streamOf(b);
}

/** Parts with the same stream may be merged. */
export function streamOf(part: PanePart): string {
  const { agent, epoch, cluster, target, vantage, bucket, buckets, sees, slots } = part;
  return JSON.stringify([
    agent,
    epoch,
    cluster,
    target,
    vantage,
    bucket,
    buckets,
    part.probability,
    part.watchedShare,
    [...sees].sort(),
    slots,
  ]);
}

interface MergedRow {
  readonly db: number;
  readonly key: Uint8Array;
  readonly counts: KindCounts;
  maybe: number;
  /** Errors of the parts that hold the key, less their floors: every part's floor is added in the end. */
  errorAboveFloors: number;
  currentPerSecond: number;
  readonly commands: Map<string, number>;
  absorbed: number;
  bytes: number;
  readonly services: Map<string, number>;
}

function mergeSummaries(parts: readonly PanePart[], entriesMax: number) {
  const rows = new Map<string, MergedRow>();
  const lastStartMs = Math.max(...parts.map(({ startMs }) => startMs));
  const total = { read: 0, write: 0, miss: 0 };
  let floor = 0;
  for (const part of parts) {
    floor += part.floor;
    total.read += part.total.read;
    total.write += part.total.write;
    total.miss += part.total.miss;
    for (let i = 0; i < part.entries.length; i++) addEntry(rows, part, i, part.startMs === lastStartMs);
  }
  // A part that does not hold a key may have missed up to its floor of it.
  const merged = [...rows.values()].map((row) => ({ ...row, error: row.errorAboveFloors + floor }));
  const kept = keepLargest(merged, entriesMax, floor);
  const isOfClients = parts.some(({ entries }) => entries.clients !== null);
  return { total, floor: kept.floor, entries: layOut(kept.rows, isOfClients) };
}

function addEntry(
  rows: Map<string, MergedRow>,
  { entries, floor }: PanePart,
  i: number,
  isLast: boolean,
): void {
  const key = entries.keyBytes.subarray(entries.keyOffsets[i]!, entries.keyOffsets[i + 1]!);
  const db = entries.dbs[i]!;
  const id = keyId(db, key);
  let row = rows.get(id);
  if (!row) {
    row = emptyRow(db, key);
    rows.set(id, row);
  }
  row.counts.read += entries.reads[i]!;
  row.counts.write += entries.writes[i]!;
  row.counts.miss += entries.misses[i]!;
  row.maybe += entries.maybes[i]!;
  row.errorAboveFloors += entries.errors[i]! - floor;
  // The rate at the end is that of the last pane, whose later parts know it better but may not hold the key.
  if (isLast) row.currentPerSecond = Math.max(row.currentPerSecond, entries.currentPerSecond[i]!);
  addCommands(row.commands, entries, i);
  addClients(row, entries, i);
}

function emptyRow(db: number, key: Uint8Array): MergedRow {
  return {
    db,
    key,
    counts: { read: 0, write: 0, miss: 0 },
    maybe: 0,
    errorAboveFloors: 0,
    currentPerSecond: 0,
    commands: new Map(),
    absorbed: 0,
    bytes: 0,
    services: new Map(),
  };
}

function addClients(row: MergedRow, { clients }: PaneEntries, i: number): void {
  if (clients === null) return;
  row.absorbed += clients.absorbed[i]!;
  row.bytes += clients.bytes[i]!;
  for (let place = i * SERVICES_PER_ENTRY; place < (i + 1) * SERVICES_PER_ENTRY; place++) {
    const id = clients.serviceIds[place]!;
    const name = id === 0 ? undefined : clients.serviceNames[id - 1];
    if (name !== undefined)
      row.services.set(name, (row.services.get(name) ?? 0) + clients.serviceCounts[place]!);
  }
}

function addCommands(commands: Map<string, number>, entries: PaneEntries, i: number): void {
  for (let place = i * COMMANDS_PER_ENTRY; place < (i + 1) * COMMANDS_PER_ENTRY; place++) {
    const id = entries.commandIds[place]!;
    const name = id === 0 ? undefined : entries.commandNames[id - 1];
    if (name !== undefined) commands.set(name, (commands.get(name) ?? 0) + entries.commandCounts[place]!);
  }
}

interface BoundedRow extends MergedRow {
  readonly error: number;
}

/** Keeps the rows with the largest upper bounds; what is left out is covered by the floor from then on. */
function keepLargest(rows: readonly BoundedRow[], entriesMax: number, floor: number) {
  if (rows.length <= entriesMax) return { rows, floor };
  const sorted = [...rows].sort((a, b) => upperOf(b) - upperOf(a));
  const largestLeftOut = upperOf(sorted[entriesMax]!);
  return { rows: sorted.slice(0, entriesMax), floor: Math.max(floor, largestLeftOut) };
}

function upperOf({ counts, maybe, error }: BoundedRow): number {
  return sureOf(counts) + maybe + error;
}

function layOut(rows: readonly BoundedRow[], isOfClients: boolean): PaneEntries {
  const commandNames = new NameIndexes(COMMAND_NAMES_MAX);
  const serviceNames = new NameIndexes(SERVICE_NAMES_MAX);
  const entryRows = rows.map((row): EntryRow => {
    const { db, key, counts, maybe, error, currentPerSecond } = row;
    const commands = commandNames.largest(row.commands, COMMANDS_PER_ENTRY);
    const plain = { db, key, ...counts, maybe, error, currentPerSecond, commands };
    return isOfClients ? { ...plain, client: clientRow(row, serviceNames) } : plain;
  });
  return entriesOf(entryRows, commandNames.names, isOfClients ? serviceNames.names : null);
}

function clientRow({ absorbed, bytes, services }: MergedRow, names: NameIndexes): ClientRow {
  return { absorbed, bytes, services: names.largest(services, SERVICES_PER_ENTRY) };
}

/** Gives names their places in a part's table of names. */
class NameIndexes {
  readonly #indexes = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get names(): string[] {
    return [...this.#indexes.keys()];
  }

  /** The largest counts, at most `length`; those whose name finds no place any more are left out. */
  largest(counts: ReadonlyMap<string, number>, length: number): (readonly [number, number])[] {
    const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, length);
    return sorted.flatMap(([name, count]) => {
      const index = this.#indexOf(name);
      return index === null ? [] : [[index, count] as const];
    });
  }

  #indexOf(name: string): number | null {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    if (this.#indexes.size >= this.#max) return null;
    this.#indexes.set(name, this.#indexes.size);
    return this.#indexes.size - 1;
  }
}

/** Totals stand on closing parts only; what is unknown of one pane is unknown of all. */
function sumOfTotals(parts: readonly PanePart[]): PaneTotals | null {
  const observed = { read: 0, write: 0, miss: 0 };
  const ran: { read: number | null; write: number | null } = { read: 0, write: 0 };
  for (const { closing, totals } of parts) {
    if (!closing) continue;
    if (!totals) return null;
    observed.read += totals.observed.read;
    observed.write += totals.observed.write;
    observed.miss += totals.observed.miss;
    ran.read = addKnown(ran.read, totals.ran.read);
    ran.write = addKnown(ran.write, totals.ran.write);
  }
  return { observed, ran };
}

function addKnown(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}
