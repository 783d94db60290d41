import type { Incident, Severity } from "../model/incident.ts";
import { type Due, type Heard, heardOf, type NoticeCause } from "./cooldown.ts";
import { eventOf, type Notice } from "./notice.ts";
import type { Pace } from "./route.ts";

/** One receiver and one incident. */
export interface Standing {
  heard: Heard;
  notice: Notice | null;
  /** What is not told because it is muted (`mutedName`), once it has been counted; `null`: nothing. */
  muted: string | null;
}

/** One incident, with all receivers that have to do with it. */
export interface Tracked {
  incident: Incident;
  paces: ReadonlyMap<string, Pace>;
  readonly standings: Map<string, Standing>;
}

/** As the incident's log has it. */
export function standingOf({ notified }: Incident, receiver: string): Standing {
  return { heard: heardOf(notified, receiver), notice: null, muted: null };
}

export function mutedName(cause: NoticeCause, severity: Severity): string {
  return `${cause} ${severity}`;
}

/** Muted until just now, and calm by now: it is told as soon as it is hot again. */
export function isOldNews({ status }: Incident, { muted }: Standing): boolean {
  return muted !== null && status === "recovering";
}

/** Open, and without data for a while. */
export function isUnseen({ status, reason }: Incident): boolean {
  return status !== "resolved" && reason === "stale";
}

/** Whether a notice that is on its way tells what is owed now. */
export function isSame(notice: Notice, due: Due, incident: Incident): boolean {
  if (eventOf(notice.cause) !== eventOf(due.cause)) return false;
  return notice.cause === "resolve" || notice.severity === incident.severity;
}
