import type { HeatKind } from "./access.ts";
import type { Bounds } from "./heat.ts";
import type { Key } from "./key.ts";
import type { Measure } from "./measure.ts";
import type { Facts } from "./target.ts";
import type { Trail } from "./trail.ts";

export type IncidentStatus = "pending" | "firing" | "recovering" | "resolved";
export type ResolveReason = "cooled" | "stale" | "decommissioned" | "expired";
export type Severity = "info" | "warning" | "critical";

export interface Notified {
  readonly receiver: string;
  readonly atMs: number;
  readonly outcome: "delivered" | "failed";
  readonly event: "firing" | "resolved";
  readonly severity: Severity;
  /** What the receiver's service knows the incident by, where that is not its own id. */
  readonly thread?: string;
}

/** Accesses per second of each kind; a miss is also a read. */
export interface Mix {
  readonly read: number;
  readonly write: number;
  readonly miss: number;
}

export interface Advice {
  readonly remedy: string;
  readonly why: string;
  readonly url: string;
}

/** The life of a hot key, or of a target in trouble, under one rule. Times are ms since 1970. */
export interface Incident {
  /** hash(cluster, rule, key or target, opening hop): the same wherever it is computed. */
  readonly id: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly cluster: string;
  /** `null`: it is about `target` as a whole. */
  readonly key: Key | null;
  /** Empty where there is no key. */
  readonly pattern: string;
  readonly kind: HeatKind;
  /** 0 where the rule looks at no window. */
  readonly windowMs: number;
  readonly target: string | null;
  readonly slot: number | null;
  readonly status: IncidentStatus;
  readonly reason: ResolveReason | null;
  readonly late: boolean;
  readonly reopened: number;
  /** When the rule first held. */
  readonly startedAtMs: number;
  /** When it began to fire; `null` while pending. */
  readonly firedAtMs: number | null;
  /** Since when the heat has been below `resolveBelow`; `null` while it is not. */
  readonly calmSinceMs: number | null;
  readonly resolvedAtMs: number | null;
  readonly measure: Measure;
  readonly ratePerSecond: number;
  readonly currentRatePerSecond: number;
  readonly peakRatePerSecond: number;
  /** Over the window; `null`: not known. */
  readonly mix: Mix | null;
  readonly trail: Trail;
  readonly shareOfTarget: number | null;
  readonly count: Bounds;
  readonly complete: boolean;
  readonly coverage: { readonly read: number | null; readonly write: number | null };
  readonly facts: Facts | null;
  readonly services: Readonly<Record<string, number>>;
  /** The largest share of its accesses that each service has had during the incident, 0..1. */
  readonly users: Readonly<Record<string, number>>;
  /** At some time clients claimed more than their servers ran: the counts are held to that. */
  readonly suspect: boolean;
  readonly commands: Readonly<Record<string, number>>;
  readonly advice: readonly Advice[];
  readonly notified: readonly Notified[];
}

/** An incident that is about a key. */
export type KeyIncident = Incident & { readonly key: Key };

export function isOfKey(incident: Incident): incident is KeyIncident {
  return incident.key !== null;
}

/** Incidents that a receiver's service knows as one. */
export interface Thread {
  /** The id of the oldest incident of the message with which it began. */
  readonly id: string;
  /** Whether, with a message that tells of ends, all that the service heard of in this thread is over. */
  readonly isOver: boolean;
}

/** The incident of a key that a skew of its target speaks for. */
export interface FoldedIncident extends Incident {
  /** Id of the skew's incident. */
  readonly foldedInto: string;
}

/** Incidents that make one message to one receiver. */
export interface IncidentGroup {
  readonly event: "firing" | "resolved";
  readonly cluster: string;
  /** The same over retries of one message: receivers tell duplicates by it. */
  readonly id: string;
  readonly atMs: number;
  readonly incidents: readonly Incident[];
  /** How many more belong to the group but were left out. */
  readonly more: number;
  /** The thread of all of them; only for receivers that keep threads. */
  readonly thread?: Thread;
  /** For the skews among them that fire: the hot keys of their targets, hottest first. Left out: none. */
  readonly folded?: readonly FoldedIncident[];
  /** How many more such keys there are. */
  readonly foldedMore?: number;
  /** Somebody tries the receiver out: nothing has happened. */
  readonly isTest?: boolean;
}
