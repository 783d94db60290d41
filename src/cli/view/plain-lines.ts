import { visible } from "../../model/visible-text.ts";
import { incidentText } from "./incident-lines.ts";
import { ALL_KEYS, type Selection, selectKeys } from "./key-order.ts";
import { emptyTableText } from "./key-table.ts";
import { formatMargin, formatRate, formatShare } from "./numbers.ts";
import type { IncidentRow, Scene } from "./scene.ts";

const KEYS_SHOWN = 3;

/** The scene in one line, with the first of the selected keys, for what is not a terminal. */
export function summaryLine(scene: Scene, selection: Selection = ALL_KEYS): string {
  const seen = scene.accessesPerSecond === null ? [] : [`${formatRate(scene.accessesPerSecond)} accesses/s`];
  const selected = selectKeys(scene.keys, selection);
  const keys = selected.slice(0, KEYS_SHOWN).map(({ label, ratePerSecond, marginPerSecond, share }) => {
    const details = [formatMargin(marginPerSecond), ...(share === null ? [] : [formatShare(share)])];
    return `${label} ${formatRate(ratePerSecond)}/s (${details.join(", ")})`;
  });
  const states = scene.targets
    .filter(({ state }) => state !== "seen")
    .map(({ target, state }) => `${target} ${state}`);
  const top =
    keys.length === 0 ? emptyTableText(scene, visible(selection.filter)) : `top: ${keys.join("; ")}`;
  return [...states, ...seen, top].join(" | ");
}

/** What was told before. */
export interface Told {
  readonly incidents: Map<string, IncidentRow["status"]>;
  readonly problems: Set<string>;
}

/** A line for each problem, and each status of an incident, that was not told before; `told` is brought up to date. */
export function changeLines(scene: Scene, told: Told): string[] {
  const problems = scene.problems.filter((problem) => !told.problems.has(problem));
  told.problems.clear();
  for (const problem of scene.problems) told.problems.add(problem);
  return [...problems.map((problem) => `! ${problem}`), ...changedIncidents(scene, told.incidents)];
}

function changedIncidents(scene: Scene, known: Told["incidents"]): string[] {
  const changed = scene.incidents.filter(({ id, status }) => known.get(id) !== status).toReversed();
  known.clear();
  for (const { id, status } of scene.incidents) known.set(id, status);
  return changed.map((incident) => `incident ${incident.status}: ${incidentText(incident, scene.atMs)}`);
}
