import type { Incident, Notified, Severity } from "../model/incident.ts";
import { isWorse } from "../model/severity.ts";

/** Why a receiver is told: it never heard of the incident, it got worse, it goes on, it is over. */
export type NoticeCause = "first" | "rise" | "reminder" | "resolve";

/** A message that is owed to a receiver, from `atMs` on. */
export interface Due {
  readonly cause: NoticeCause;
  readonly atMs: number;
}

/** What one receiver knows of one incident. */
export interface Heard {
  /** When it last took a firing, and the worst severity it has been told; `null`: it never heard of it. */
  readonly firing: { readonly atMs: number; readonly severity: Severity } | null;
  /** When it last refused a firing for good, and of which severity. */
  readonly refused: { readonly atMs: number; readonly severity: Severity } | null;
  /** Whether it was told (or refused to hear) that the incident is over. */
  readonly isOver: boolean;
}

export const HEARD_NOTHING: Heard = { firing: null, refused: null, isOver: false };

/** Even with a shorter cooldown, nobody is reminded more often. */
const REMINDER_EVERY_MIN_MS = 1000;
/** Without a cooldown, so often: what passes at once is a severity that rises, and an end. */
const REMINDER_WITHOUT_COOLDOWN_MS = 300_000;
/** A resolve that could not be told for so long is given up. */
export const RESOLVE_LASTS_MS = 24 * 3_600_000;

/** What `receiver` knows, by an incident's log. */
export function heardOf(notified: readonly Notified[], receiver: string): Heard {
  return notified.filter((entry) => entry.receiver === receiver).reduce(hear, HEARD_NOTHING);
}

/** The same, where the log may have entries that were written elsewhere since. */
export function heardSince(heard: Heard, notified: readonly Notified[], receiver: string): Heard {
  const lastMs = Math.max(heard.firing?.atMs ?? 0, heard.refused?.atMs ?? 0);
  return notified
    .filter((entry) => entry.receiver === receiver && entry.atMs > lastMs)
    .reduce((known, entry) => hear(known, entry), heard);
}

/** What a receiver knows after one more entry of the log. */
export function hear(heard: Heard, { event, outcome, atMs, severity }: Notified): Heard {
  if (event === "resolved") return { ...heard, isOver: true };
  const before = outcome === "delivered" ? heard.firing : heard.refused;
  const worst = before !== null && isWorse(before.severity, severity) ? before.severity : severity;
  const latest = { atMs, severity: worst };
  return outcome === "delivered"
    ? { firing: latest, refused: null, isOver: false }
    : { ...heard, refused: latest };
}

/**
 * What a receiver is to be told of an incident, and when. Pure.
 *
 * Within `cooldownMs` of a message there is no other one, unless severity rose above what it has been told. A resolve is
 * owed only to those who heard of the firing. `isRouted`: whether the routes send it the incident as it is now.
 */
export function dueNotice(
  incident: Incident,
  heard: Heard,
  cooldownMs: number,
  isRouted: boolean,
): Due | null {
  const { status, severity } = incident;
  if (status === "pending") return null;
  if (status === "resolved") return dueResolve(incident, heard, cooldownMs);
  if (!isRouted) return null;
  const { firing, refused } = heard;
  // A service that refused a message for good will refuse it again: it is asked once a cooldown, as with reminders.
  const isHeldBack = refused !== null && !isWorse(severity, refused.severity);
  const againAfterMs =
    cooldownMs === 0 ? REMINDER_WITHOUT_COOLDOWN_MS : Math.max(cooldownMs, REMINDER_EVERY_MIN_MS);
  const notBeforeMs = isHeldBack ? refused.atMs + againAfterMs : 0;
  // Nobody is told of what is not seen: after a restart it may long be over.
  if (incident.reason === "stale") return null;
  if (firing === null) return { cause: "first", atMs: notBeforeMs };
  if (isWorse(severity, firing.severity)) return { cause: "rise", atMs: notBeforeMs };
  // Nobody is reminded of what is calm just now.
  if (status !== "firing") return null;
  return { cause: "reminder", atMs: Math.max(firing.atMs + againAfterMs, notBeforeMs) };
}

function dueResolve({ resolvedAtMs }: Incident, heard: Heard, cooldownMs: number): Due | null {
  if (heard.firing === null || heard.isOver) return null;
  return { cause: "resolve", atMs: Math.max(heard.firing.atMs + cooldownMs, resolvedAtMs ?? 0) };
}
