import { createHash } from "node:crypto";
import type { IncidentGroup, Severity } from "../model/incident.ts";
import type { Due, NoticeCause } from "./cooldown.ts";

/** One incident that one receiver is to be told of, from the moment it is due until it is told or no longer true. */
export interface Notice {
  readonly incidentId: string;
  readonly receiver: string;
  readonly cluster: string;
  readonly cause: NoticeCause;
  /** The severity it tells of: when that rises, another notice takes its place. */
  readonly severity: Severity;
  /** When the receiver was last told of the incident before; 0: never. */
  readonly afterMs: number;
  /** `waiting`: for its group or for another attempt. `sending`: an attempt is under way. `over`: told, or not to be. */
  state: "waiting" | "sending" | "over";
  /** Where its receiver keeps threads: the one it goes to, from when it leaves its group. */
  thread?: string;
}

export type NoticeEvent = IncidentGroup["event"];

export function eventOf(cause: NoticeCause): NoticeEvent {
  return cause === "resolve" ? "resolved" : "firing";
}

/** Whether it takes from the budget of messages: reminders and resolves do not. */
export function spendsBudget({ cause }: { readonly cause: Due["cause"] }): boolean {
  return cause === "first" || cause === "rise";
}

/**
 * Id of the message that carries `notices`.
 *
 * It follows from what is told and from what the receiver was told before, so a process that is killed between sending
 * and writing its log sends the same id again after its restart.
 */
export function messageId(notices: readonly Notice[]): string {
  const contents = notices
    .map(({ incidentId, receiver, cause, severity, afterMs }) =>
      JSON.stringify([receiver, eventOf(cause), incidentId, severity, afterMs]),
    )
    .sort();
  return `msg_${createHash("sha256").update(contents.join("\n")).digest("hex").slice(0, 32)}`;
}
