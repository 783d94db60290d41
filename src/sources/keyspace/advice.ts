import { grantChannelsLine, passwordLine } from "../../redis/acl.ts";
import type { SubscriptionLoss } from "./subscription.ts";

export interface SubscriberAccount {
  readonly username: string | undefined;
  readonly channels: readonly string[];
}

/** One line that says why a subscription failed and what to run. */
export function explainLoss(loss: SubscriptionLoss, { username, channels }: SubscriberAccount): string {
  if (loss.code === "denied") return `${loss.message}; run: ${grantChannelsLine(username, channels)}`;
  if (loss.code === "auth") {
    const user = username ?? "default";
    return `${loss.message}; check the target's username and password (user ${user}), or run: ${passwordLine(username)}`;
  }
  return loss.message;
}

/** What to run where the server publishes too little. */
export function explainFlags(current: string, missing: string, wanted: string): string {
  return `${flagsLine(current, missing, wanted)} (or set sources.keyspace.configure to ensure)`;
}

/** The same for who changes nothing at the server. */
export function flagsLine(current: string, missing: string, wanted: string): string {
  const now = current === "" ? "off" : `"${current}"`;
  return `keyspace notifications are ${now}, classes ${missing} are missing; run: CONFIG SET notify-keyspace-events ${wanted}`;
}

/** What to do where CONFIG cannot be read. */
export const UNREADABLE_FLAGS_ADVICE =
  "set notify-keyspace-events to AKEm at the provider (its parameter group or console), for CONFIG cannot be read here";

/** What to do where no event comes either. */
export const NO_EVENTS_ADVICE = `the server ran writes for 10 s and no event came; ${UNREADABLE_FLAGS_ADVICE}`;
