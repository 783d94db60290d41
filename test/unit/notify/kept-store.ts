import type { IncidentStore } from "../../../src/incidents/store.ts";
import type { Incident } from "../../../src/model/incident.ts";

/** A store that outlives the scenes that write to it. */
export function keptStore(): IncidentStore & { readonly rows: Map<string, Incident> } {
  const rows = new Map<string, Incident>();
  const save = (incidents: readonly Incident[]) => {
    for (const incident of incidents) rows.set(incident.id, incident);
  };
  return { rows, load: () => [...rows.values()], save, prune: () => {}, close: () => {} };
}
