import type { Notified } from "../model/incident.ts";
import type { NotifiedRecord } from "../model/state-record.ts";

/** How many entries of one receiver and incident are remembered: its latest ones decide. */
const ENTRIES_MAX = 64;
const NOTHING: readonly Notified[] = [];

/** What receivers were told, by incident and receiver, in the order of time. */
export class NotifiedLogs {
  readonly #byIncident = new Map<string, Map<string, readonly Notified[]>>();

  /** Takes in what a record tells. False where more was known than it tells. */
  unite({ incidentId, receiver, entries }: NotifiedRecord): boolean {
    const receivers = this.#byIncident.get(incidentId) ?? new Map<string, readonly Notified[]>();
    this.#byIncident.set(incidentId, receivers);
    const known = receivers.get(receiver) ?? NOTHING;
    const untold = known.filter((entry) => !entries.some((other) => isSame(entry, other)));
    const all = [...entries, ...untold].sort((one, other) => one.atMs - other.atMs).slice(-ENTRIES_MAX);
    receivers.set(receiver, all);
    return untold.length === 0 || entries.length >= ENTRIES_MAX;
  }

  of(incidentId: string, receiver: string): readonly Notified[] {
    return this.#byIncident.get(incidentId)?.get(receiver) ?? NOTHING;
  }

  all(incidentId: string): readonly Notified[] {
    const receivers = this.#byIncident.get(incidentId);
    if (receivers === undefined) return NOTHING;
    return [...receivers.values()].flat().sort((one, other) => one.atMs - other.atMs);
  }

  forget(incidentId: string): void {
    this.#byIncident.delete(incidentId);
  }
}

function isSame(one: Notified, other: Notified): boolean {
  return one.atMs === other.atMs && one.event === other.event && one.outcome === other.outcome;
}
