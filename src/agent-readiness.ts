import type { Agent } from "./agent.ts";
import type { Readiness } from "./http/views.ts";

/** A target that has not answered for so long after the start does not hold up readiness. */
const SETTLE_MS = 5000;

/**
 * Ready once each target has had its chance and at least one is watched, or none is to be; what is not watched is named,
 * with the `others` that are missing and hold nothing up.
 */
export function agentReadiness(agent: Agent, others: readonly string[], upMs: number): Readiness {
  const problems = agent.problems();
  const isSettled = agent.isSettled || upMs > SETTLE_MS;
  const ready = (agent.watched > 0 || agent.hasNothing) && isSettled;
  if (!ready)
    return { ready, reasons: problems.length > 0 ? problems : ["targets are being connected"], degraded: [] };
  return { ready, reasons: [], degraded: [...problems, ...others] };
}

/** With what is good to know of one that is ready. */
export function withNotes(readiness: Readiness, notes: readonly string[]): Readiness {
  return readiness.ready ? { ...readiness, degraded: [...notes, ...readiness.degraded] } : readiness;
}
