import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ClientsReport } from "../model/clients.ts";
import type { PanePart } from "../model/pane.ts";
import type { ServicesReport } from "../model/services.ts";
import type { KeyFacts, TargetReport } from "../model/target.ts";
import type { TopologyReport } from "../model/topology.ts";
import { orAbsent, orNull } from "./absent.ts";
import { Damage, type Decoded, decoding } from "./decoded.ts";
import { readKeyFacts, writeKeyFacts } from "./facts-codec.ts";
import {
  type PanesRecord,
  PanesRecordSchema,
  type ClientsReport as WireClientsReport,
  type ServicesReport as WireServicesReport,
  type TopologyReport as WireTopologyReport,
} from "./generated/keyheat_pb.ts";
import { readPart, writePart } from "./part-codec.ts";
import { openRecord, SCHEMA_VERSION } from "./record.ts";
import { readReport, writeReport } from "./report-codec.ts";

/** What agents tell aggregators, one a record: topic `panes`. */
export type WireMessage =
  | PanePart
  | TargetReport
  | KeyFacts
  | ServicesReport
  | TopologyReport
  | ClientsReport;

type Body = NonNullable<MessageInitShape<typeof PanesRecordSchema>["message"]>;

/** Throws: Error where a whole number of the message (bucket, database, ...) is none or has more than 32 bits. */
export function encodeMessage(message: WireMessage): Uint8Array {
  const record = create(PanesRecordSchema, { version: SCHEMA_VERSION, message: bodyOf(message) });
  return toBinary(PanesRecordSchema, record);
}

function bodyOf(message: WireMessage): Body {
  switch (message.type) {
    case "part":
      return { case: "part", value: writePart(message) };
    case "report":
      return { case: "report", value: writeReport(message) };
    case "facts":
      return { case: "facts", value: writeKeyFacts(message) };
    case "services": {
      const { agent, cluster, atMs, services } = message;
      return { case: "services", value: { agent, cluster, atMs, services: [...services] } };
    }
    case "topology": {
      const { agent, cluster, atMs, targets, slotsCovered } = message;
      const value = { agent, cluster, atMs, targets: [...targets], slotsCovered: orAbsent(slotsCovered) };
      return { case: "topology", value };
    }
    case "clients": {
      const { type, ...value } = message;
      return { case: type, value };
    }
  }
}

/** Of any bytes; keys and names are copies. What the message means, `windows/part-check.ts` looks at. */
export function decodeMessage(bytes: Uint8Array): Decoded<WireMessage> {
  return decoding(() => readBody(openRecord(PanesRecordSchema, bytes)));
}

function readBody({ message }: PanesRecord): WireMessage {
  switch (message.case) {
    case "part":
      return readPart(message.value);
    case "report":
      return readReport(message.value);
    case "facts":
      return readKeyFacts(message.value);
    case "services":
      return readServices(message.value);
    case "topology":
      return readTopology(message.value);
    case "clients":
      return readClients(message.value);
    case undefined:
      throw new Damage("a message of an unknown type");
  }
}

function readServices({ agent, cluster, atMs, services }: WireServicesReport): ServicesReport {
  return {
    type: "services",
    agent,
    cluster,
    atMs,
    services: services.map(({ name, instances, heardMs, saidGoodbye, returnedMs, gapMs }) => {
      return { name, instances, heardMs, saidGoodbye, returnedMs, gapMs };
    }),
  };
}

function readTopology(message: WireTopologyReport): TopologyReport {
  const { agent, cluster, atMs, targets, slotsCovered } = message;
  return { type: "topology", agent, cluster, atMs, targets, slotsCovered: orNull(slotsCovered) };
}

function readClients(message: WireClientsReport): ClientsReport {
  const { agent, epoch, cluster, target, number, startMs, lengthMs, closing, read, write } = message;
  return { type: "clients", agent, epoch, cluster, target, number, startMs, lengthMs, closing, read, write };
}
