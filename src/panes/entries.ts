import {
  type ClientColumns,
  COMMANDS_PER_ENTRY,
  type PaneEntries,
  SERVICES_PER_ENTRY,
} from "../model/pane.ts";

/** One entry of a part, as a row: for building parts, never on the hot path. */
export interface EntryRow {
  readonly db: number;
  readonly key: Uint8Array;
  readonly read: number;
  readonly write: number;
  readonly miss: number;
  readonly maybe: number;
  readonly error: number;
  readonly currentPerSecond: number;
  /** At most four pairs of an index into the part's command names and a count. */
  readonly commands: readonly (readonly [nameIndex: number, count: number])[];
  /** Only of the clients' vantage. */
  readonly client?: ClientRow;
}

export interface ClientRow {
  readonly absorbed: number;
  readonly bytes: number;
  /** At most four pairs of an index into the part's service names and a count. */
  readonly services: readonly (readonly [nameIndex: number, count: number])[];
}

/** Lays rows out in columns. Key bytes are copied. `serviceNames`: given for the clients' vantage alone. */
export function entriesOf(
  rows: readonly EntryRow[],
  commandNames: readonly string[],
  serviceNames: readonly string[] | null = null,
): PaneEntries {
  const keyBytesLength = rows.reduce((sum, row) => sum + row.key.length, 0);
  const clients = serviceNames === null ? null : clientColumns(rows, serviceNames);
  const entries = emptyColumns(rows.length, keyBytesLength, commandNames, clients);
  let offset = 0;
  rows.forEach((row, i) => {
    entries.keyBytes.set(row.key, offset);
    offset += row.key.length;
    entries.keyOffsets[i + 1] = offset;
    fillRow(entries, i, row);
  });
  return entries;
}

function emptyColumns(
  length: number,
  keyBytesLength: number,
  commandNames: readonly string[],
  clients: ClientColumns | null,
): PaneEntries {
  return {
    length,
    dbs: new Int32Array(length),
    keyOffsets: new Uint32Array(length + 1),
    keyBytes: new Uint8Array(keyBytesLength),
    reads: new Float64Array(length),
    writes: new Float64Array(length),
    misses: new Float64Array(length),
    maybes: new Float64Array(length),
    errors: new Float64Array(length),
    currentPerSecond: new Float64Array(length),
    commandIds: new Uint8Array(length * COMMANDS_PER_ENTRY),
    commandCounts: new Float64Array(length * COMMANDS_PER_ENTRY),
    commandNames,
    clients,
  };
}

function clientColumns(rows: readonly EntryRow[], serviceNames: readonly string[]): ClientColumns {
  const columns: ClientColumns = {
    absorbed: new Float64Array(rows.length),
    bytes: new Float64Array(rows.length),
    serviceIds: new Uint16Array(rows.length * SERVICES_PER_ENTRY),
    serviceCounts: new Float64Array(rows.length * SERVICES_PER_ENTRY),
    serviceNames,
  };
  rows.forEach(({ client }, i) => {
    if (!client) return;
    columns.absorbed[i] = client.absorbed;
    columns.bytes[i] = client.bytes;
    client.services.slice(0, SERVICES_PER_ENTRY).forEach(([nameIndex, count], place) => {
      columns.serviceIds[i * SERVICES_PER_ENTRY + place] = nameIndex + 1;
      columns.serviceCounts[i * SERVICES_PER_ENTRY + place] = count;
    });
  });
  return columns;
}

function fillRow(entries: PaneEntries, i: number, row: EntryRow): void {
  entries.dbs[i] = row.db;
  entries.reads[i] = row.read;
  entries.writes[i] = row.write;
  entries.misses[i] = row.miss;
  entries.maybes[i] = row.maybe;
  entries.errors[i] = row.error;
  entries.currentPerSecond[i] = row.currentPerSecond;
  row.commands.slice(0, COMMANDS_PER_ENTRY).forEach(([nameIndex, count], place) => {
    entries.commandIds[i * COMMANDS_PER_ENTRY + place] = nameIndex + 1;
    entries.commandCounts[i * COMMANDS_PER_ENTRY + place] = count;
  });
}
