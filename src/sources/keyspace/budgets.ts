import { type MaybeBudget, UNKNOWN_BUDGET } from "../../panes/columns.ts";
import type { EventMaybeClass, EventTable } from "./event-table.ts";

/** Calls of commands since the server's start, by name. */
export type CommandCalls = ReadonlyMap<string, number>;

/**
 * How many events in doubt of one pane can have been accesses, from what the server says it ran around that pane.
 *
 * No EXPIRE ran, so the `expire` after each `set` was SET EX's own: the bounds meet. `before` was asked before the pane
 * began and `after` when it had closed, so every command of the pane lies between them, and some of its neighbours': the
 * budgets err on the wide side only. `null` where one of them is missing or the counters were reset in between.
 */
export function budgetsOf(
  table: EventTable,
  sureEvents: (name: string) => number,
  before: CommandCalls | null,
  after: CommandCalls | null,
): MaybeBudget[] {
  return table.maybes.map((maybe) => {
    if (!before || !after || maybe.name === "unknown") return UNKNOWN_BUDGET;
    return budgetOf(maybe, sureEvents, before, after);
  });
}

function budgetOf(
  { ownBy, derivedBy, usedUpBy }: EventMaybeClass,
  sureEvents: (name: string) => number,
  before: CommandCalls,
  after: CommandCalls,
): MaybeBudget {
  const own = growthOf(ownBy, before, after);
  const derived = derivedBy === null ? Number.POSITIVE_INFINITY : growthOf(derivedBy, before, after);
  if (own === null || derived === null) return UNKNOWN_BUDGET;
  const usedUp = usedUpBy.reduce((sum, name) => sum + sureEvents(name), 0);
  return { ownMax: Math.max(0, own - usedUp), derivedMax: derived };
}

function growthOf(commands: readonly string[], before: CommandCalls, after: CommandCalls): number | null {
  let growth = 0;
  for (const command of commands) {
    const delta = (after.get(command) ?? 0) - (before.get(command) ?? 0);
    if (delta < 0) return null;
    growth += delta;
  }
  return growth;
}
