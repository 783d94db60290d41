import type { HeatKind, Kind, Vantage } from "../model/access.ts";
import type { TargetState } from "../model/coverage.ts";
import type { IncidentStatus, Notified, ResolveReason, Severity } from "../model/incident.ts";
import type { MeasureUnit } from "../model/measure.ts";
import type { Role, SourceState } from "../model/target.ts";
import { Damage } from "./decoded.ts";

/** A vocabulary, as a record: the compiler sees a word that is missing. */
type Words<W extends string> = Readonly<Record<W, true>>;

export const KINDS: Words<Kind> = { read: true, write: true, miss: true };
export const HEAT_KINDS: Words<HeatKind> = { ...KINDS, total: true };
export const VANTAGES: Words<Vantage> = {
  "server-events": true,
  clients: true,
  traces: true,
  "server-commands": true,
  requests: true,
};
export const ROLES: Words<Role> = { primary: true, replica: true, unknown: true };
export const SOURCE_STATES: Words<SourceState> = { up: true, down: true, off: true };
export const TARGET_STATES: Words<TargetState> = { seen: true, stale: true, blind: true };
export const SEVERITIES: Words<Severity> = { info: true, warning: true, critical: true };
export const STATUSES: Words<IncidentStatus> = {
  pending: true,
  firing: true,
  recovering: true,
  resolved: true,
};
export const REASONS: Words<ResolveReason> = {
  cooled: true,
  stale: true,
  decommissioned: true,
  expired: true,
};
export const MEASURE_UNITS: Words<MeasureUnit> = {
  "accesses/s": true,
  share: true,
  "bytes/s": true,
  ratio: true,
  seconds: true,
};
export const OUTCOMES: Words<Notified["outcome"]> = { delivered: true, failed: true };
export const EVENTS: Words<Notified["event"]> = { firing: true, resolved: true };

export function isWord<W extends string>(words: Words<W>, text: string): text is W {
  return Object.hasOwn(words, text);
}

/** `text` as a word, `absent` for a field that is not there. Throws: Damage, which names `what` only. */
export function readWord<W extends string>(words: Words<W>, text: string, absent: W, what: string): W {
  if (text === "") return absent;
  if (!isWord(words, text)) throw new Damage(`an unknown ${what}`);
  return text;
}
