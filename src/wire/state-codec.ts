import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { StateRecord } from "../model/state-record.ts";
import { orAbsent, orNull } from "./absent.ts";
import { readAuthority } from "./authority-codec.ts";
import { Damage, type Decoded, decoding } from "./decoded.ts";
import { StateRecordSchema, type StateRecord as WireStateRecord } from "./generated/keyheat_pb.ts";
import { readIncident, readNotified, writeIncident, writeNotified } from "./incident-codec.ts";
import { openRecord, SCHEMA_VERSION } from "./record.ts";
import { readReport, writeReport } from "./report-codec.ts";
import { readSilence, writeSilence } from "./silence-codec.ts";

type Body = NonNullable<MessageInitShape<typeof StateRecordSchema>["record"]>;

/** Throws: Error where a whole number (bucket, database, slot) is none or has more than 32 bits. */
export function encodeState(record: StateRecord): Uint8Array {
  const { authority } = record;
  const message = create(StateRecordSchema, { version: SCHEMA_VERSION, authority, record: bodyOf(record) });
  return toBinary(StateRecordSchema, message);
}

function bodyOf(record: StateRecord): Body {
  switch (record.type) {
    case "owner":
      return { case: "owner", value: {} };
    case "incident":
      return { case: "incident", value: writeIncident(record.incident) };
    case "notified": {
      const { incidentId, receiver, entries } = record;
      return { case: "notified", value: { incidentId, receiver, entries: entries.map(writeNotified) } };
    }
    case "target": {
      const value = { report: writeReport(record.report), goneAtMs: orAbsent(record.goneAtMs) };
      return { case: "target", value };
    }
    case "silence":
      return { case: "silence", value: writeSilence(record.silence) };
  }
}

/** Of any bytes; keys and names are copies. */
export function decodeState(bytes: Uint8Array): Decoded<StateRecord> {
  return decoding(() => readRecord(openRecord(StateRecordSchema, bytes)));
}

function readRecord(message: WireStateRecord): StateRecord {
  const authority = readAuthority(message.authority);
  const { record } = message;
  switch (record.case) {
    case "owner":
      return { type: "owner", authority };
    case "incident":
      return { type: "incident", authority, incident: readIncident(record.value) };
    case "notified": {
      const { incidentId, receiver, entries } = record.value;
      return { type: "notified", authority, incidentId, receiver, entries: entries.map(readNotified) };
    }
    case "target": {
      const { report, goneAtMs } = record.value;
      if (report === undefined) throw new Damage("a target without its report");
      return { type: "target", authority, report: readReport(report), goneAtMs: orNull(goneAtMs) };
    }
    case "silence":
      return { type: "silence", authority, silence: readSilence(record.value) };
    case undefined:
      throw new Damage("a record of an unknown type");
  }
}
