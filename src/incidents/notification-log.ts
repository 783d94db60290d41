import type { Incident, Notified } from "../model/incident.ts";

/** How many notifications of one incident are remembered, beside those that its receivers' cooldowns depend on. */
export const NOTIFIED_KEPT = 64;

/** When the last firing was delivered, to whomever; `null`: nobody heard of it. */
export function lastPagedMs(notified: readonly Notified[]): number | null {
  let lastMs: number | null = null;
  for (const { event, outcome, atMs } of notified) {
    if (event === "firing" && outcome === "delivered") lastMs = Math.max(lastMs ?? atMs, atMs);
  }
  return lastMs;
}

/** Whether somebody who heard of the firing has not been told that it is over. */
export function owesResolve(incident: Incident): boolean {
  if (incident.status !== "resolved") return false;
  const owed = new Set<string>();
  for (const { receiver, event, outcome } of incident.notified) {
    if (event === "firing" && outcome === "delivered") owed.add(receiver);
  }
  for (const { receiver, event } of incident.notified) if (event === "resolved") owed.delete(receiver);
  return owed.size > 0;
}

/** The incident with one more entry in its log; the oldest entries on which nothing depends make room. */
export function withNotified(incident: Incident, entry: Notified): Incident {
  const notified = [...incident.notified, entry];
  return { ...incident, notified: notified.length > NOTIFIED_KEPT ? shortened(notified) : notified };
}

/** A receiver's latest firing and its resolve decide whether it may be told again. */
function shortened(notified: readonly Notified[]): readonly Notified[] {
  const decisive = new Map<string, Notified>();
  for (const entry of notified) decisive.set(`${entry.event} ${entry.outcome} ${entry.receiver}`, entry);
  const kept = new Set(decisive.values());
  let surplus = notified.length - NOTIFIED_KEPT;
  return notified.filter((entry) => kept.has(entry) || surplus-- <= 0);
}
