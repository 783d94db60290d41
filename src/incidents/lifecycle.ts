import { createHash } from "node:crypto";
import type { Rule } from "../config/schema.ts";
import { ratePerSecond } from "../model/heat.ts";
import type { Advice, Incident, Mix, Severity } from "../model/incident.ts";
import type { Measure } from "../model/measure.ts";
import { isWorse } from "../model/severity.ts";
import { clusterOf, type Sight } from "../model/sight.ts";
import type { Facts } from "../model/target.ts";
import { NO_TRAIL, type Trail, withRate } from "../model/trail.ts";
import type { Verdict } from "../model/verdict.ts";
import { adviceFor } from "./advice.ts";
import { lastPagedMs } from "./notification-log.ts";

/** What of a rule an incident's life depends on. */
export type IncidentRule = Pick<Rule, "name" | "kind" | "for" | "keepFiringFor" | "cooldown">;

/** What is known of the subject beside what was seen of it. */
export interface Extras {
  readonly pattern: string;
  readonly facts: Facts | null;
  readonly coverage: { readonly read: number | null; readonly write: number | null };
  /** How hot it was before the incident; looked at when one begins. Default: not known. */
  readonly trail?: Trail;
  /** What to do, of a target as a whole; for keys it follows from their heat. */
  readonly advice?: readonly Advice[];
}

/** What a rule says of its subject at one time. */
export interface Observation {
  readonly sight: Sight;
  readonly verdict: Verdict;
  readonly severity: Severity;
  readonly measure: Measure;
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

/** The same wherever it is computed: of the cluster, the rule, the key or target and the second in which it began. */
export function incidentId(rule: string, sight: Sight): string {
  const openingHop = Math.floor(sight.asOfMs / HOP_MS);
  const { key } = sight;
  // A JSON array keeps the fields apart: no two lists of fields have the same text.
  const head = JSON.stringify([clusterOf(sight), rule, key === null ? sight.target : key.db, openingHop]);
  const bytes = key === null ? "" : key.bytes;
  return createHash("sha256").update(head).update(bytes).digest("hex").slice(0, 32);
}

function begin(rule: IncidentRule, observation: Observation, nowMs: number): Incident {
  const { sight, severity, extras } = observation;
  const pending: Incident = {
    id: incidentId(rule.name, sight),
    rule: rule.name,
    severity,
    cluster: clusterOf(sight),
    // Bytes of a heat may lie in a buffer that is used again.
    key: sight.key === null ? null : { ...sight.key, bytes: sight.key.bytes.slice() },
    pattern: extras.pattern,
    kind: rule.kind,
    windowMs: sight.windowMs,
    status: "pending",
    reason: null,
    late: false,
    reopened: 0,
    startedAtMs: nowMs,
    firedAtMs: null,
    calmSinceMs: null,
    resolvedAtMs: null,
    measure: observation.measure,
    peakRatePerSecond: 0,
    trail: extras.trail ?? NO_TRAIL,
    users: {},
    suspect: false,
    advice: [],
    notified: [],
    ...figures(rule, sight),
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
    | "measure"
    | "peakRatePerSecond"
    | "trail"
    | "users"
    | "suspect"
    | "coverage"
    | "facts"
    | "pattern"
    | "advice"
  >;

function measures(incident: Incident, rule: IncidentRule, observation: Observation): Measures {
  const { sight, verdict, severity, extras } = observation;
  const now = figures(rule, sight);
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
    measure: observation.measure,
    trail: withRate(incident.trail, sight.asOfMs, now.currentRatePerSecond),
    peakRatePerSecond: Math.max(incident.peakRatePerSecond, now.ratePerSecond, now.currentRatePerSecond),
    users: largestShares(incident.users, sight.services),
    // Once a claim went beyond what the servers ran, the incident is in doubt.
    suspect: incident.suspect || sight.suspect,
    coverage: extras.coverage,
    facts,
    pattern: extras.pattern,
    advice: advised ? (extras.advice ?? adviceOf(sight, facts)) : incident.advice,
  };
}

function adviceOf(sight: Sight, facts: Facts | null): readonly Advice[] {
  return sight.key === null ? [] : adviceFor(sight, facts);
}

function figures(rule: IncidentRule, sight: Sight) {
  const count = sight.counts[rule.kind];
  return {
    target: sight.target,
    slot: sight.slot,
    ratePerSecond: sight.windowMs === 0 ? 0 : ratePerSecond(count.estimate, sight.windowMs),
    currentRatePerSecond: sight.currentRatePerSecond,
    mix: mixOf(sight),
    shareOfTarget: sight.shareOfTarget,
    count,
    complete: sight.complete,
    commands: sight.commands,
    services: sight.services,
  };
}

function mixOf({ counts, windowMs }: Sight): Mix | null {
  if (windowMs === 0) return null;
  const { read, write, miss } = counts;
  return {
    read: ratePerSecond(Math.max(read.estimate, miss.estimate), windowMs),
    write: ratePerSecond(write.estimate, windowMs),
    miss: ratePerSecond(miss.estimate, windowMs),
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
