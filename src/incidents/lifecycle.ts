import { createHash } from "node:crypto";
import type { RateRule } from "../config/schema.ts";
import { type Heat, ratePerSecond } from "../model/heat.ts";
import type { Incident, Severity } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import { isWorse } from "../model/severity.ts";
import type { Facts } from "../model/target.ts";
import type { Verdict } from "../model/verdict.ts";
import { adviceFor } from "./advice.ts";
import { lastPagedMs } from "./notification-log.ts";

/** What of a rule an incident's life depends on. */
export type IncidentRule = Pick<RateRule, "name" | "kind" | "for" | "keepFiringFor" | "cooldown">;

/** What is known of the key beside its heat. */
export interface Extras {
  readonly pattern: string;
  readonly facts: Facts | null;
  readonly coverage: { readonly read: number | null; readonly write: number | null };
}

export interface Observation {
  readonly heat: Heat;
  readonly verdict: Verdict;
  readonly severity: Severity;
  readonly extras: Extras;
}

const HOP_MS = 1000;
const USERS_MAX = 32;

/**
 * Next state of the incident of one key under one rule; `null`: there is none. Pure: the caller owns the clock.
 *
 * Blind is not quiet: `unknown` changes no state, and only what was seen calm resolves.
 */
export function step(
  incident: Incident | null,
  rule: IncidentRule,
  observation: Observation,
  nowMs: number,
): Incident | null {
  const { verdict } = observation;
  if (incident === null) return verdict === "hot" ? begin(rule, observation, nowMs) : null;
  if (incident.status === "resolved") return incident;
  const measured = { ...incident, ...measures(incident, rule, observation) };
  if (verdict === "hot") return heated(measured, rule, nowMs);
  if (verdict === "calm") return cooled(measured, rule, nowMs);
  return verdict === "between" ? { ...measured, calmSinceMs: null } : measured;
}

/**
 * What the mere passing of time changes, given the latest verdict on the incident; the same object where that is
 * nothing.
 */
export function pass(incident: Incident, rule: IncidentRule, latest: Verdict, nowMs: number): Incident {
  if (latest === "hot" && incident.status === "pending") return fired(incident, rule, nowMs);
  if (latest === "calm" && incident.status === "recovering") return resolvedIfOver(incident, rule, nowMs);
  return incident;
}

/** The same wherever it is computed: of the cluster, the rule, the key and the second in which it became hot. */
export function incidentId(rule: string, key: Key, asOfMs: number): string {
  const openingHop = Math.floor(asOfMs / HOP_MS);
  // A JSON array keeps the fields apart: no two lists of fields have the same text.
  const head = JSON.stringify([key.cluster, rule, key.db, openingHop]);
  return createHash("sha256").update(head).update(key.bytes).digest("hex").slice(0, 32);
}

function begin(rule: IncidentRule, observation: Observation, nowMs: number): Incident {
  const { heat, severity, extras } = observation;
  const pending: Incident = {
    id: incidentId(rule.name, heat.key, heat.asOfMs),
    rule: rule.name,
    severity,
    // Bytes of a heat may lie in a buffer that is used again.
    key: { ...heat.key, bytes: heat.key.bytes.slice() },
    pattern: extras.pattern,
    kind: rule.kind,
    windowMs: heat.windowMs,
    status: "pending",
    reason: null,
    late: false,
    reopened: 0,
    startedAtMs: nowMs,
    firedAtMs: null,
    calmSinceMs: null,
    resolvedAtMs: null,
    peakRatePerSecond: 0,
    users: {},
    suspect: false,
    advice: [],
    notified: [],
    ...figures(rule, heat),
    coverage: extras.coverage,
    facts: extras.facts,
  };
  return fired({ ...pending, ...measures(pending, rule, observation) }, rule, nowMs);
}

function heated(incident: Incident, rule: IncidentRule, nowMs: number): Incident {
  if (incident.status === "pending") return fired(incident, rule, nowMs);
  if (incident.status !== "recovering") return incident;
  return { ...incident, status: "firing", calmSinceMs: null, reopened: incident.reopened + 1 };
}

function fired(incident: Incident, rule: IncidentRule, nowMs: number): Incident {
  if (nowMs - incident.startedAtMs < rule.for) return incident;
  return { ...incident, status: "firing", firedAtMs: nowMs };
}

function cooled(incident: Incident, rule: IncidentRule, nowMs: number): Incident | null {
  // What never fired was heard of by nobody.
  if (incident.status === "pending") return null;
  const calmSinceMs = incident.calmSinceMs ?? nowMs;
  return resolvedIfOver({ ...incident, status: "recovering", calmSinceMs }, rule, nowMs);
}

/**
 * A resolve waits until nobody who was paged could be paged again within the cooldown: a refire before that belongs to
 * the same incident.
 */
function resolvedIfOver(incident: Incident, rule: IncidentRule, nowMs: number): Incident {
  const { calmSinceMs } = incident;
  if (calmSinceMs === null || nowMs - calmSinceMs < rule.keepFiringFor) return incident;
  const pagedMs = lastPagedMs(incident.notified);
  if (pagedMs !== null && nowMs - pagedMs < rule.cooldown) return incident;
  return { ...incident, status: "resolved", reason: "cooled", resolvedAtMs: nowMs };
}

type Measures = ReturnType<typeof figures> &
  Pick<
    Incident,
    | "severity"
    | "reason"
    | "peakRatePerSecond"
    | "users"
    | "suspect"
    | "coverage"
    | "facts"
    | "pattern"
    | "advice"
  >;

function measures(incident: Incident, rule: IncidentRule, observation: Observation): Measures {
  const { heat, verdict, severity, extras } = observation;
  const now = figures(rule, heat);
  const facts = extras.facts ?? incident.facts;
  // What was once said to be known of the key's place is not forgotten in a moment in which it was not seen.
  const known = { target: now.target ?? incident.target, slot: now.slot ?? incident.slot };
  const stale = verdict === "unknown" ? incident.reason : null;
  const advised = verdict === "hot" && (incident.advice.length === 0 || facts !== incident.facts);
  return {
    ...now,
    ...known,
    // Within an incident severity only rises, so that a page is never taken back in silence.
    severity: verdict === "hot" && isWorse(severity, incident.severity) ? severity : incident.severity,
    reason: stale,
    peakRatePerSecond: Math.max(incident.peakRatePerSecond, now.ratePerSecond, now.currentRatePerSecond),
    users: largestShares(incident.users, heat.services),
    // Once a claim went beyond what the servers ran, the incident is in doubt.
    suspect: incident.suspect || heat.suspect,
    coverage: extras.coverage,
    facts,
    pattern: extras.pattern,
    advice: advised ? adviceFor(heat, facts) : incident.advice,
  };
}

function figures(rule: IncidentRule, heat: Heat) {
  const count = heat.counts[rule.kind];
  return {
    target: heat.target,
    slot: heat.slot,
    ratePerSecond: ratePerSecond(count.estimate, heat.windowMs),
    currentRatePerSecond: heat.currentRatePerSecond,
    shareOfTarget: heat.shareOfTarget,
    count,
    complete: heat.complete,
    commands: heat.commands,
    services: heat.services,
  };
}

/** Services that used the key at some time of the incident stay among its users. */
function largestShares(
  users: Incident["users"],
  services: Readonly<Record<string, number>>,
): Record<string, number> {
  const total = Object.values(services).reduce((sum, count) => sum + count, 0);
  const shares: Record<string, number> = { ...users };
  for (const [name, count] of Object.entries(services)) {
    const isKnown = Object.hasOwn(shares, name);
    if (total === 0 || (!isKnown && Object.keys(shares).length >= USERS_MAX)) continue;
    shares[name] = Math.max(isKnown ? shares[name]! : 0, count / total);
  }
  return shares;
}
