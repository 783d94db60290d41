/** @import { IncidentJson } from "./shapes.js" */

const STATUS_RANK = { firing: 0, recovering: 1, pending: 2, resolved: 3 };
const SEVERITY_RANK = { critical: 0, warning: 1, info: 2 };

/** The incidents that are open: as they were when last asked for, and as events changed them since. */
export class OpenIncidents {
  /** @type {Map<string, IncidentJson>} */
  #byId = new Map();
  /** Ids of which an event came while an answer was awaited: the event knows better. */
  #changed = new Set();

  /** The answers to `replace` with are about to be asked for. */
  expect() {
    this.#changed.clear();
  }

  /** @param {readonly IncidentJson[]} incidents all that are open, and maybe more */
  replace(incidents) {
    /** @type {Map<string, IncidentJson>} */
    const fresh = new Map();
    for (const incident of incidents) {
      if (!this.#changed.has(incident.id) && incident.status !== "resolved") fresh.set(incident.id, incident);
    }
    for (const [id, incident] of this.#byId) {
      if (this.#changed.has(id)) fresh.set(id, incident);
    }
    this.#byId = fresh;
  }

  /** @param {IncidentJson} incident as an event says it is now */
  take(incident) {
    this.#changed.add(incident.id);
    if (incident.status === "resolved") this.#byId.delete(incident.id);
    else this.#byId.set(incident.id, incident);
  }

  /** Firing first, of those the severest, of those the hottest. */
  sorted() {
    return [...this.#byId.values()].sort(
      (one, other) =>
        STATUS_RANK[one.status] - STATUS_RANK[other.status] ||
        SEVERITY_RANK[one.severity] - SEVERITY_RANK[other.severity] ||
        other.ratePerSecond - one.ratePerSecond ||
        (one.id < other.id ? -1 : 1),
    );
  }
}
