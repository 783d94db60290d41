import type { MessageInitShape } from "@bufbuild/protobuf";
import { KEPT_KEY_BYTES_MAX } from "../model/key.ts";
import {
  type ClientColumns,
  COMMANDS_PER_ENTRY,
  type PaneEntries,
  SERVICES_PER_ENTRY,
} from "../model/pane.ts";
import { countVarints, packColumn, packVarints, unpackColumn, unpackVarints } from "./columns.ts";
import { Damage } from "./decoded.ts";
import type {
  ClientColumnsSchema,
  Entries,
  EntriesSchema,
  ClientColumns as WireClientColumns,
} from "./generated/keyheat_pb.ts";
import { ENTRIES_MAX } from "./limits.ts";

const DB_MAX = 2 ** 31 - 1;

export function writeEntries(entries: PaneEntries): MessageInitShape<typeof EntriesSchema> {
  const { length, keyOffsets } = entries;
  return {
    keyLengths: packVarints(keyLengths(entries)),
    keys: entries.keyBytes.subarray(keyOffsets[0], keyOffsets[length]),
    dbs: packColumn(entries.dbs),
    reads: packColumn(entries.reads),
    writes: packColumn(entries.writes),
    misses: packColumn(entries.misses),
    maybes: packColumn(entries.maybes),
    errors: packColumn(entries.errors),
    currentPerSecond: packColumn(entries.currentPerSecond),
    commandNames: [...entries.commandNames],
    commandIds: packColumn(entries.commandIds),
    commandCounts: packColumn(entries.commandCounts),
    clients: entries.clients === null ? undefined : writeClients(entries.clients),
  };
}

function keyLengths({ length, keyOffsets }: PaneEntries): Uint32Array {
  const lengths = new Uint32Array(length);
  for (let i = 0; i < length; i++) lengths[i] = keyOffsets[i + 1]! - keyOffsets[i]!;
  return lengths;
}

function writeClients(clients: ClientColumns): MessageInitShape<typeof ClientColumnsSchema> {
  return {
    absorbed: packColumn(clients.absorbed),
    bytes: packColumn(clients.bytes),
    serviceNames: [...clients.serviceNames],
    serviceIds: packColumn(clients.serviceIds),
    serviceCounts: packColumn(clients.serviceCounts),
  };
}

export function readEntries(message: Entries | undefined): PaneEntries {
  const keyLengthBytes = message?.keyLengths ?? new Uint8Array(0);
  const length = countVarints(keyLengthBytes);
  if (length > ENTRIES_MAX) throw new Damage("too many entries");
  const keyOffsets = readKeyOffsets(keyLengthBytes, length);
  const keys = message?.keys ?? new Uint8Array(0);
  if (keyOffsets[length] !== keys.length) throw new Damage("key bytes missing or left over");
  const commandNames = message?.commandNames ?? [];
  const places = length * COMMANDS_PER_ENTRY;
  return {
    length,
    dbs: unpackColumn(message?.dbs, length, Int32Array, DB_MAX),
    keyOffsets,
    // A view would keep all records of the fetch in memory.
    keyBytes: keys.slice(),
    reads: unpackColumn(message?.reads, length, Float64Array),
    writes: unpackColumn(message?.writes, length, Float64Array),
    misses: unpackColumn(message?.misses, length, Float64Array),
    maybes: unpackColumn(message?.maybes, length, Float64Array),
    errors: unpackColumn(message?.errors, length, Float64Array),
    currentPerSecond: unpackColumn(message?.currentPerSecond, length, Float64Array),
    commandIds: unpackColumn(
      message?.commandIds,
      places,
      Uint8Array,
      commandNames.length,
      "a command without a name",
    ),
    commandCounts: unpackColumn(message?.commandCounts, places, Float64Array),
    commandNames,
    clients: message?.clients === undefined ? null : readClients(message.clients, length),
  };
}

function readKeyOffsets(bytes: Uint8Array, length: number): Uint32Array {
  const lengths = unpackVarints(bytes, length, KEPT_KEY_BYTES_MAX, "a key is too long");
  const offsets = new Uint32Array(length + 1);
  for (let i = 0; i < length; i++) offsets[i + 1] = offsets[i]! + lengths[i]!;
  return offsets;
}

function readClients(message: WireClientColumns, length: number): ClientColumns {
  const { serviceNames } = message;
  const places = length * SERVICES_PER_ENTRY;
  return {
    absorbed: unpackColumn(message.absorbed, length, Float64Array),
    bytes: unpackColumn(message.bytes, length, Float64Array),
    serviceIds: unpackColumn(
      message.serviceIds,
      places,
      Uint16Array,
      serviceNames.length,
      "a service without a name",
    ),
    serviceCounts: unpackColumn(message.serviceCounts, places, Float64Array),
    serviceNames,
  };
}
