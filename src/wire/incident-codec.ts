import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Advice, Incident, Mix, Notified } from "../model/incident.ts";
import type { Measure } from "../model/measure.ts";
import { NO_TRAIL } from "../model/trail.ts";
import { orAbsent, orNull } from "./absent.ts";
import { readBounds, writeBounds } from "./bounds-codec.ts";
import { readFacts, writeFacts } from "./facts-codec.ts";
import type {
  AdviceSchema,
  IncidentSchema,
  NotifiedSchema,
  Advice as WireAdvice,
  Incident as WireIncident,
  Measure as WireMeasure,
  Mix as WireMix,
  Notified as WireNotified,
} from "./generated/keyheat_pb.ts";
import { clippedText } from "./text.ts";
import {
  EVENTS,
  HEAT_KINDS,
  MEASURE_UNITS,
  OUTCOMES,
  REASONS,
  readWord,
  SEVERITIES,
  STATUSES,
} from "./words.ts";

export function writeIncident(incident: Incident): MessageInitShape<typeof IncidentSchema> {
  return {
    id: incident.id,
    rule: incident.rule,
    severity: incident.severity,
    cluster: incident.cluster,
    db: incident.key?.db ?? 0,
    key: incident.key?.bytes ?? new Uint8Array(),
    ofTarget: incident.key === null,
    pattern: incident.pattern,
    kind: incident.kind,
    windowMs: incident.windowMs,
    target: orAbsent(incident.target),
    slot: orAbsent(incident.slot),
    status: incident.status,
    reason: orAbsent(incident.reason),
    late: incident.late,
    reopened: incident.reopened,
    startedAtMs: incident.startedAtMs,
    firedAtMs: orAbsent(incident.firedAtMs),
    calmSinceMs: orAbsent(incident.calmSinceMs),
    resolvedAtMs: orAbsent(incident.resolvedAtMs),
    ratePerSecond: incident.ratePerSecond,
    currentRatePerSecond: incident.currentRatePerSecond,
    peakRatePerSecond: incident.peakRatePerSecond,
    shareOfTarget: orAbsent(incident.shareOfTarget),
    count: writeBounds(incident.count),
    complete: incident.complete,
    coverageRead: orAbsent(incident.coverage.read),
    coverageWrite: orAbsent(incident.coverage.write),
    facts: incident.facts === null ? undefined : writeFacts(incident.facts),
    services: incident.services,
    users: incident.users,
    suspect: incident.suspect,
    commands: incident.commands,
    advice: incident.advice.map(writeAdvice),
    notified: incident.notified.map(writeNotified),
    measure: {
      ...incident.measure,
      value: orAbsent(incident.measure.value),
      baseline: orAbsent(incident.measure.baseline),
    },
    trail: { lastMs: incident.trail.lastMs, rates: [...incident.trail.rates] },
    mix: orAbsent(incident.mix),
  };
}

export function writeNotified(notified: Notified): MessageInitShape<typeof NotifiedSchema> {
  return { ...notified };
}

function writeAdvice({ remedy, why, url }: Advice): MessageInitShape<typeof AdviceSchema> {
  return { remedy, why: clippedText(why), url };
}

export function readIncident(message: WireIncident): Incident {
  return {
    id: message.id,
    rule: message.rule,
    severity: readWord(SEVERITIES, message.severity, "warning", "severity"),
    // A view of the key would keep all records of the fetch in memory.
    cluster: message.cluster,
    key: message.ofTarget ? null : { cluster: message.cluster, db: message.db, bytes: message.key.slice() },
    pattern: message.pattern,
    kind: readWord(HEAT_KINDS, message.kind, "total", "kind"),
    windowMs: message.windowMs,
    target: orNull(message.target),
    slot: orNull(message.slot),
    status: readWord(STATUSES, message.status, "pending", "status"),
    reason:
      message.reason === undefined
        ? null
        : readWord(REASONS, message.reason, "cooled", "reason of a resolve"),
    late: message.late,
    reopened: message.reopened,
    startedAtMs: message.startedAtMs,
    firedAtMs: orNull(message.firedAtMs),
    calmSinceMs: orNull(message.calmSinceMs),
    resolvedAtMs: orNull(message.resolvedAtMs),
    measure: readMeasure(message.measure),
    ratePerSecond: message.ratePerSecond,
    currentRatePerSecond: message.currentRatePerSecond,
    peakRatePerSecond: message.peakRatePerSecond,
    trail: message.trail ? { lastMs: message.trail.lastMs, rates: message.trail.rates } : NO_TRAIL,
    mix: readMix(message.mix),
    shareOfTarget: orNull(message.shareOfTarget),
    count: readBounds(message.count),
    complete: message.complete,
    coverage: { read: orNull(message.coverageRead), write: orNull(message.coverageWrite) },
    facts: message.facts === undefined ? null : readFacts(message.facts),
    services: message.services,
    users: message.users,
    suspect: message.suspect,
    commands: message.commands,
    advice: message.advice.map(readAdvice),
    notified: message.notified.map(readNotified),
  };
}

function readMix(mix: WireMix | undefined): Mix | null {
  return mix === undefined ? null : { read: mix.read, write: mix.write, miss: mix.miss };
}

function readAdvice({ remedy, why, url }: WireAdvice): Advice {
  return { remedy, why, url };
}

/** What earlier versions wrote has none. */
function readMeasure(measure: WireMeasure | undefined): Measure {
  return {
    unit: readWord(MEASURE_UNITS, measure?.unit ?? "", "accesses/s", "unit"),
    value: orNull(measure?.value),
    threshold: measure?.threshold ?? 0,
    baseline: orNull(measure?.baseline),
  };
}

export function readNotified({ receiver, atMs, outcome, event, severity, thread }: WireNotified): Notified {
  return {
    receiver,
    atMs,
    outcome: readWord(OUTCOMES, outcome, "failed", "outcome"),
    event: readWord(EVENTS, event, "firing", "event"),
    severity: readWord(SEVERITIES, severity, "warning", "severity"),
    ...(thread === undefined ? {} : { thread }),
  };
}
