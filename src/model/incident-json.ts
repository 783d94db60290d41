import type { HeatKind } from "./access.ts";
import { type CountJson, countJson } from "./count-json.ts";
import { roundedRate } from "./heat.ts";
import type { Advice, Incident, IncidentStatus, Mix, Notified, ResolveReason, Severity } from "./incident.ts";
import { showKey } from "./key.ts";
import type { Measure } from "./measure.ts";
import type { Facts } from "./target.ts";

/** An incident as the API, the stream and webhooks show it: times in ISO 8601, `null` where a value is not known. */
export interface IncidentJson {
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly cluster: string;
  readonly target: string | null;
  /** `null`, as `db` and `pattern` then are: it is about `target` as a whole. */
  readonly key: string | null;
  readonly keyEncoding: "utf8" | "base64";
  /** Whether `key` is only the first 1 KiB of a longer one. */
  readonly cut: boolean;
  readonly db: number | null;
  readonly slot: number | null;
  readonly pattern: string | null;
  readonly kind: HeatKind;
  readonly windowSeconds: number;
  readonly status: IncidentStatus;
  readonly reason: ResolveReason | null;
  readonly late: boolean;
  readonly reopened: number;
  readonly startedAt: string;
  readonly resolvedAt: string | null;
  readonly measure: Measure;
  readonly ratePerSecond: number;
  readonly currentRatePerSecond: number;
  readonly peakRatePerSecond: number;
  /** Accesses per second of each kind, over the window. */
  readonly mix: Mix | null;
  readonly shareOfTarget: number | null;
  readonly count: CountJson;
  readonly complete: boolean;
  readonly coverage: { readonly read: number | null; readonly write: number | null };
  readonly facts: Facts | null;
  readonly services: Readonly<Record<string, number>>;
  /** Clients claimed more than their servers ran: the counts are held to that. */
  readonly suspect: boolean;
  readonly commands: Readonly<Record<string, number>>;
  readonly advice: readonly Advice[];
  readonly notified: readonly NotifiedJson[];
}

export interface NotifiedJson {
  readonly receiver: string;
  readonly at: string;
  readonly outcome: Notified["outcome"];
}

/** The wire form of an incident: INCIDENT of the contract. */
export function incidentJson(incident: Incident): IncidentJson {
  const { key, keyEncoding, cut } = shownKeyOf(incident);
  return {
    id: incident.id,
    rule: incident.rule,
    severity: incident.severity,
    cluster: incident.cluster,
    target: incident.target,
    key,
    keyEncoding,
    cut,
    db: incident.key?.db ?? null,
    slot: incident.slot,
    pattern: incident.key === null ? null : incident.pattern,
    kind: incident.kind,
    windowSeconds: incident.windowMs / 1000,
    status: incident.status,
    reason: incident.reason,
    late: incident.late,
    reopened: incident.reopened,
    startedAt: isoTime(incident.startedAtMs),
    resolvedAt: incident.resolvedAtMs === null ? null : isoTime(incident.resolvedAtMs),
    measure: incident.measure,
    ratePerSecond: roundedRate(incident.ratePerSecond),
    currentRatePerSecond: roundedRate(incident.currentRatePerSecond),
    peakRatePerSecond: roundedRate(incident.peakRatePerSecond),
    mix: incident.mix === null ? null : roundedMix(incident.mix),
    shareOfTarget: incident.shareOfTarget,
    count: countJson(incident.count),
    complete: incident.complete,
    coverage: incident.coverage,
    facts: incident.facts,
    services: incident.services,
    suspect: incident.suspect,
    commands: incident.commands,
    advice: incident.advice,
    notified: incident.notified.map(({ receiver, atMs, outcome }) => ({
      receiver,
      at: isoTime(atMs),
      outcome,
    })),
  };
}

function roundedMix({ read, write, miss }: Mix): Mix {
  return { read: roundedRate(read), write: roundedRate(write), miss: roundedRate(miss) };
}

function shownKeyOf({ key }: Incident): Pick<IncidentJson, "key" | "keyEncoding" | "cut"> {
  return key === null ? { key: null, keyEncoding: "utf8", cut: false } : showKey(key.bytes);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
