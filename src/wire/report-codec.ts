import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SourceStatus, TargetReport } from "../model/target.ts";
import { orAbsent, orNull } from "./absent.ts";
import type {
  SourceStatusSchema,
  TargetReportSchema,
  SourceStatus as WireSourceStatus,
  TargetReport as WireTargetReport,
} from "./generated/keyheat_pb.ts";
import { readKindCounts } from "./part-codec.ts";
import { readSlots, writeSlots } from "./slots-codec.ts";
import { clippedText } from "./text.ts";
import { isWord, ROLES, readWord, SOURCE_STATES } from "./words.ts";

export function writeReport(report: TargetReport): MessageInitShape<typeof TargetReportSchema> {
  return {
    agent: report.agent,
    epoch: report.epoch,
    cluster: report.cluster,
    target: report.target,
    atMs: report.atMs,
    paneStartMs: report.pane.startMs,
    paneLengthMs: report.pane.lengthMs,
    reachable: report.reachable,
    role: report.role,
    runId: orAbsent(report.runId),
    version: orAbsent(report.version),
    slots: writeSlots(report.slots),
    observed: report.observed,
    ranRead: orAbsent(report.ran.read),
    ranWrite: orAbsent(report.ran.write),
    cpu: orAbsent(report.cpu),
    memoryBytes: orAbsent(report.memoryBytes),
    clients: orAbsent(report.clients),
    opsPerSecond: orAbsent(report.opsPerSecond),
    sources: report.sources.map(writeSource),
  };
}

export function writeSource({
  reason,
  ...status
}: SourceStatus): MessageInitShape<typeof SourceStatusSchema> {
  return { ...status, reason: reason === null ? undefined : clippedText(reason) };
}

export function readReport(message: WireTargetReport): TargetReport {
  return {
    type: "report",
    agent: message.agent,
    epoch: message.epoch,
    cluster: message.cluster,
    target: message.target,
    atMs: message.atMs,
    pane: { startMs: message.paneStartMs, lengthMs: message.paneLengthMs },
    reachable: message.reachable,
    // A role that is not known here is not known.
    role: isWord(ROLES, message.role) ? message.role : "unknown",
    runId: orNull(message.runId),
    version: orNull(message.version),
    slots: readSlots(message.slots),
    observed: readKindCounts(message.observed),
    ran: { read: orNull(message.ranRead), write: orNull(message.ranWrite) },
    cpu: orNull(message.cpu),
    memoryBytes: orNull(message.memoryBytes),
    clients: orNull(message.clients),
    opsPerSecond: orNull(message.opsPerSecond),
    sources: message.sources.map(readSource),
  };
}

export function readSource({
  source,
  state,
  sinceMs,
  gaps,
  probability,
  reason,
}: WireSourceStatus): SourceStatus {
  return {
    source,
    state: readWord(SOURCE_STATES, state, "off", "state of a source"),
    sinceMs,
    gaps,
    probability: probability ?? 1,
    reason: orNull(reason),
  };
}
