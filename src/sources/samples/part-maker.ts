import type { Kind, KindCounts } from "../../model/access.ts";
import type { PanePart } from "../../model/pane.ts";
import { type EntryRow, entriesOf } from "../../panes/entries.ts";
import type { Division } from "./buckets.ts";
import type { NameTable } from "./name-table.ts";
import type { CountedRow } from "./sample-row.ts";

const SEES: readonly Kind[] = ["read", "write", "miss"];

/** Which pane, and in whose life, a part is of. */
export interface PartOrigin {
  readonly agent: string;
  readonly epoch: number;
  readonly cluster: string;
  readonly target: string;
  readonly startMs: number;
  readonly lengthMs: number;
  readonly division: Division;
}

export interface PartContent {
  readonly bucket: number;
  readonly part: number;
  readonly closing: boolean;
  readonly probability: number;
  readonly floor: number;
  readonly total: KindCounts;
  readonly rows: readonly CountedRow[];
}

/** A part of the clients' vantage: it never claims to have seen all. */
export function makeClientPart(
  { agent, epoch, cluster, target, startMs, lengthMs, division: { slots, buckets } }: PartOrigin,
  { bucket, part, closing, probability, floor, total, rows }: PartContent,
  names: { readonly commands: NameTable; readonly services: NameTable },
): PanePart {
  const commands = new UsedNames(names.commands);
  const services = new UsedNames(names.services);
  const entries = rows.map((row) => entryRow(row, commands, services));
  return {
    type: "part",
    agent,
    epoch,
    cluster,
    target,
    vantage: "clients",
    startMs,
    lengthMs,
    bucket,
    buckets,
    part,
    closing,
    parts: closing ? part + 1 : 0,
    floor,
    total,
    probability,
    watchedShare: 1,
    sees: SEES,
    complete: false,
    slots,
    totals: null,
    entries: entriesOf(entries, commands.names, services.names),
  };
}

function entryRow(row: CountedRow, commands: UsedNames, services: UsedNames): EntryRow {
  const { db, key, read, write, miss, error, currentPerSecond, absorbed, bytes } = row;
  return {
    db,
    key,
    read,
    write,
    miss,
    maybe: 0,
    error,
    currentPerSecond,
    commands: row.commands.map(([id, count]) => [commands.indexOf(id), count] as const),
    client: {
      absorbed,
      bytes,
      services: row.services.map(([id, count]) => [services.indexOf(id), count] as const),
    },
  };
}

/** The names that one part uses, out of its pane's. */
class UsedNames {
  readonly names: string[] = [];
  readonly #table: NameTable;
  readonly #indexes = new Map<number, number>();

  constructor(table: NameTable) {
    this.#table = table;
  }

  indexOf(id: number): number {
    let index = this.#indexes.get(id);
    if (index === undefined) {
      index = this.names.push(this.#table.nameOf(id)) - 1;
      this.#indexes.set(id, index);
    }
    return index;
  }
}
