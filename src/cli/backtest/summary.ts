import type { BacktestResult, PastMessage } from "../../backtest.ts";
import type { Incident } from "../../model/incident.ts";

/** What one receiver would have had. */
export interface ReceiverSummary {
  readonly receiver: string;
  readonly messages: number;
  /** Those of the messages that say that something fires: what pages people. */
  readonly pages: number;
  /** Incidents that it would have been told of. */
  readonly incidents: number;
  /** Messages that grouping saved: what would have left one by one. */
  readonly grouped: number;
  /** Times that one of these incidents became hot again, of which nobody was told for the cooldown. */
  readonly silentRefires: number;
}

/** A rule and a day (UTC) on which its incidents fired or paged. */
export interface DaySummary {
  readonly day: string;
  readonly rule: string;
  /** That began to fire on it. */
  readonly incidents: number;
  /** Messages of all receivers on it that tell of its incidents' firing. */
  readonly pages: number;
}

export interface BacktestSummary {
  readonly incidents: number;
  readonly pages: number;
  readonly receivers: readonly ReceiverSummary[];
  readonly days: readonly DaySummary[];
}

/** Counts what a backtest found; receivers that would have had nothing are named too. */
export function summarize(result: BacktestResult, receivers: readonly string[]): BacktestSummary {
  const { incidents, messages } = result;
  return {
    incidents: incidents.length,
    pages: messages.filter(isPage).length,
    receivers: receivers.map((name) => receiverSummary(name, result)),
    days: daySummaries(incidents, messages, result.span?.fromMs ?? 0),
  };
}

/** When an incident was first told of, and to whomever, ms since 1970; `null`: never within what is reported. */
export function firstPages({ messages }: BacktestResult): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { atMs, incidents } of messages.filter(isPage)) {
    for (const id of incidents) if (!first.has(id)) first.set(id, atMs);
  }
  return first;
}

function isPage({ event }: PastMessage): boolean {
  return event === "firing";
}

function receiverSummary(receiver: string, { incidents, messages }: BacktestResult): ReceiverSummary {
  const own = messages.filter((message) => message.receiver === receiver);
  const told = new Set(own.flatMap((message) => message.incidents));
  const reopened = incidents.filter(({ id }) => told.has(id)).map((incident) => incident.reopened);
  return {
    receiver,
    messages: own.length,
    pages: own.filter(isPage).length,
    incidents: told.size,
    grouped: own.reduce((sum, message) => sum + message.incidents.length - 1, 0),
    silentRefires: reopened.reduce((sum, count) => sum + count, 0),
  };
}

function daySummaries(
  incidents: readonly Incident[],
  messages: readonly PastMessage[],
  fromMs: number,
): DaySummary[] {
  const rules = new Map(incidents.map(({ id, rule }) => [id, rule]));
  const days = new Map<string, { day: string; rule: string; incidents: number; pages: number }>();
  const entry = (ms: number, rule: string) => {
    const day = new Date(ms).toISOString().slice(0, 10);
    const id = `${day} ${rule}`;
    const known = days.get(id) ?? { day, rule, incidents: 0, pages: 0 };
    days.set(id, known);
    return known;
  };
  for (const { firedAtMs, rule } of incidents) {
    if (firedAtMs !== null && firedAtMs >= fromMs) entry(firedAtMs, rule).incidents++;
  }
  for (const message of messages.filter(isPage)) {
    const told = new Set(message.incidents.flatMap((id) => rules.get(id) ?? []));
    for (const rule of told) entry(message.atMs, rule).pages++;
  }
  return [...days.values()].sort(
    (one, other) => one.day.localeCompare(other.day) || one.rule.localeCompare(other.rule),
  );
}
