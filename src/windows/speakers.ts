import type { Pane } from "./pane.ts";
import { worthOf } from "./unit.ts";

/**
 * Which agent should speak in each of a track's panes, oldest first, where several watched the target; `null`: any.
 *
 * Each agent draws the line between two panes a moment apart. Where one speaks before the line and another after it,
 * what happened in between is counted twice or not at all. So agents change as seldom as can be: from the oldest pane on
 * speaks whoever is as good as any for longest. What came in which order makes no difference.
 */
export function speakersOf(panes: readonly Pane[]): readonly (string | null)[] {
  const best = panes.map(bestAgents);
  const speakers: (string | null)[] = [];
  while (speakers.length < panes.length) {
    const first = speakers.length;
    const { agent, end } = longestRun(best, first);
    while (speakers.length < end) speakers.push(agent);
  }
  return speakers;
}

/** Whether an agent's pane is worth as much as any other's. */
export function isBestIn(pane: Pane, agent: string): boolean {
  return bestAgents(pane)?.has(agent) ?? true;
}

/** The agents whose pane is worth as much as any; `null`: no pane is worth anything, or nothing came. */
function bestAgents({ units }: Pane): ReadonlySet<string> | null {
  const most = Math.max(0, ...units.map(worthOf));
  if (most === 0) return null;
  return new Set(units.filter((unit) => worthOf(unit) === most).map(({ agent }) => agent));
}

/** Who may speak from `first` on for longest, and up to where (exclusive). */
function longestRun(best: readonly (ReadonlySet<string> | null)[], first: number) {
  let run: { readonly agent: string | null; readonly end: number } = { agent: null, end: first + 1 };
  for (const agent of best[first] ?? []) {
    let end = first + 1;
    while (end < best.length && (best[end]?.has(agent) ?? true)) end++;
    const isFirst = run.agent === null;
    if (isFirst || end > run.end || (end === run.end && agent < run.agent!)) run = { agent, end };
  }
  return run;
}
