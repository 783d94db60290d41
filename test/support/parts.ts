import type { Kind } from "../../src/model/access.ts";
import type { ClientsReport } from "../../src/model/clients.ts";
import type { PanePart } from "../../src/model/pane.ts";
import type { TargetReport } from "../../src/model/target.ts";
import { type EntryRow, entriesOf } from "../../src/panes/entries.ts";

/** One entry in short: what is left out is 0. `commands` and `services` by name. */
export interface Row extends Partial<Omit<EntryRow, "key" | "commands" | "client">> {
  readonly key: string | Uint8Array;
  readonly commands?: Readonly<Record<string, number>>;
  /** Only told in parts of the clients' vantage. */
  readonly absorbed?: number;
  readonly bytes?: number;
  readonly services?: Readonly<Record<string, number>>;
}

export interface PartFields extends Partial<Omit<PanePart, "type" | "entries">> {
  readonly rows?: readonly Row[];
}

const SEES: readonly Kind[] = ["write", "miss"];

/**
 * A part from plain rows: by default the one closing part of a second at one target, as the keyspace source would
 * send it. `total` is the sum of the rows unless given; `part` and `parts` of a closing part fit each other.
 */
export function makePart(fields: PartFields = {}): PanePart {
  const { rows = [], ...given } = fields;
  const closing = given.closing ?? true;
  const part = given.part ?? 0;
  const commandNames = [...new Set(rows.flatMap(({ commands }) => Object.keys(commands ?? {})))];
  const serviceNames = [...new Set(rows.flatMap(({ services }) => Object.keys(services ?? {})))];
  return {
    type: "part",
    agent: "agent-a",
    epoch: 1,
    cluster: "default",
    target: "10.0.0.1:6379",
    vantage: "server-events",
    startMs: 0,
    lengthMs: 1000,
    bucket: 0,
    buckets: 1,
    floor: 0,
    total: totalOf(rows),
    probability: 1,
    watchedShare: 1,
    sees: SEES,
    complete: true,
    slots: null,
    totals: null,
    ...given,
    part,
    closing,
    parts: given.parts ?? (closing ? part + 1 : 0),
    entries: entriesOf(
      rows.map((row) => entryRow(row, commandNames, serviceNames)),
      commandNames,
      given.vantage === "clients" ? serviceNames : null,
    ),
  };
}

/** A report of a target whose keyspace source is up, as of second 0. */
export function makeReport(fields: Partial<Omit<TargetReport, "type">> = {}): TargetReport {
  return {
    type: "report",
    agent: "agent-a",
    epoch: 1,
    cluster: "default",
    target: "10.0.0.1:6379",
    atMs: 0,
    pane: { startMs: (fields.atMs ?? 0) - 1000, lengthMs: 1000 },
    reachable: true,
    role: "primary",
    runId: null,
    version: null,
    slots: null,
    observed: { read: 0, write: 0, miss: 0 },
    ran: { read: null, write: null },
    cpu: null,
    memoryBytes: null,
    clients: null,
    opsPerSecond: null,
    sources: [{ source: "keyspace", state: "up", sinceMs: 0, gaps: 0, probability: 1, reason: null }],
    ...fields,
  };
}

/** What an agent's clients told of the whole second from `startMs` on. */
export function makeClientsReport(
  fields: Partial<Omit<ClientsReport, "type">> & Pick<ClientsReport, "number">,
): ClientsReport {
  return {
    type: "clients",
    agent: "agent-a",
    epoch: 1,
    cluster: "default",
    target: "10.0.0.1:6379",
    startMs: 0,
    lengthMs: 1000,
    closing: true,
    read: 0,
    write: 0,
    ...fields,
  };
}

function entryRow(
  { key, commands = {}, absorbed = 0, bytes = 0, services = {}, ...row }: Row,
  commandNames: readonly string[],
  serviceNames: readonly string[],
): EntryRow {
  const named = Object.entries(services).map(([name, count]) => [serviceNames.indexOf(name), count] as const);
  return {
    db: 0,
    read: 0,
    write: 0,
    miss: 0,
    maybe: 0,
    error: 0,
    currentPerSecond: 0,
    ...row,
    key: typeof key === "string" ? Buffer.from(key) : key,
    commands: Object.entries(commands).map(([name, count]) => [commandNames.indexOf(name), count] as const),
    client: { absorbed, bytes, services: named },
  };
}

function totalOf(rows: readonly Row[]) {
  const total = { read: 0, write: 0, miss: 0 };
  for (const { read = 0, write = 0, miss = 0 } of rows) {
    total.read += read;
    total.write += write;
    total.miss += miss;
  }
  return total;
}
