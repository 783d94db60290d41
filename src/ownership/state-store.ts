import type { Incident } from "../model/incident.ts";
import type { Authority, IncidentRecord } from "../model/state-record.ts";
import type { StateView } from "./state-view.ts";

export interface StateStoreOptions {
  readonly view: StateView;
  readonly write: (record: IncidentRecord) => void;
  /** Deletes records of an incident, for good. */
  readonly erase: (incident: Incident) => void;
  /** The right to write for the bucket of an incident; `null`: it is another process's. */
  readonly authorityOf: (incident: Incident) => Authority | null;
}

/**
 * Keeps incidents in the state topic, in the place of a local store: what was handed over is written in order, sooner or
 * later; a page follows only from what was read back from there. Incidents come back one bucket at a time, when it
 * changes hands, so `load` has none.
 */
export class StateStore {
  readonly #options: StateStoreOptions;

  constructor(options: StateStoreOptions) {
    this.#options = options;
  }

  load(): readonly Incident[] {
    return [];
  }

  save(incidents: readonly Incident[]): void {
    const { authorityOf, write } = this.#options;
    for (const incident of incidents) {
      const authority = authorityOf(incident);
      // Whoever owns the bucket by now goes on from what was written before.
      if (authority !== null) write({ type: "incident", authority, incident: { ...incident, notified: [] } });
    }
  }

  prune(beforeMs: number): void {
    const { view, authorityOf, erase } = this.#options;
    for (const incident of view.incidents()) {
      const isOld = incident.resolvedAtMs !== null && incident.resolvedAtMs < beforeMs;
      if (isOld && authorityOf(incident) !== null) erase(incident);
    }
  }

  close(): void {
    // The writer is closed by whoever opened it.
  }
}
