import type { Notified } from "../model/incident.ts";
import type { NotifiedRecord } from "../model/state-record.ts";

/** How many entries of one receiver and incident are remembered: the latest ones, and the latest of each kind. */
const ENTRIES_MAX = 64;
/** Logs of incidents that are not known: they may be still to come, or forged. */
const STRAYS_MAX = 20_000;
const NOTHING: readonly Notified[] = [];

/** What receivers were told, by incident and receiver, in the order of time. */
export class NotifiedLogs {
  readonly #byIncident = new Map<string, Map<string, readonly Notified[]>>();
  /** Incidents that nobody has told of, the one that was heard of first in front. */
  readonly #strays = new Set<string>();

  /** Takes in what a record tells. False where more was known than it tells. */
  unite({ incidentId, receiver, entries }: NotifiedRecord): boolean {
    const receivers = this.#receiversOf(incidentId);
    const known = receivers.get(receiver) ?? NOTHING;
    const untold = known.filter((entry) => !entries.some((other) => isSame(entry, other)));
    const all = [...entries, ...untold].sort((one, other) => one.atMs - other.atMs);
    receivers.set(receiver, all.length > ENTRIES_MAX ? shortened(all) : all);
    return untold.length === 0 || entries.length >= ENTRIES_MAX;
  }

  /** There is such an incident. */
  adopt(incidentId: string): void {
    this.#strays.delete(incidentId);
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
    this.#strays.delete(incidentId);
  }

  #receiversOf(incidentId: string): Map<string, readonly Notified[]> {
    const known = this.#byIncident.get(incidentId);
    if (known !== undefined) return known;
    const receivers = new Map<string, readonly Notified[]>();
    this.#byIncident.set(incidentId, receivers);
    this.#strays.add(incidentId);
    const [oldest] = this.#strays;
    if (this.#strays.size > STRAYS_MAX && oldest !== undefined) this.forget(oldest);
    return receivers;
  }
}

/** However often a receiver refuses to be reminded, it has heard that the incident fires, and is owed its end. */
function shortened(all: readonly Notified[]): readonly Notified[] {
  const latest = new Map(all.map((entry) => [`${entry.event} ${entry.outcome}`, entry]));
  const decisive = new Set(latest.values());
  let surplus = all.length - ENTRIES_MAX;
  return all.filter((entry) => decisive.has(entry) || surplus-- <= 0);
}

function isSame(one: Notified, other: Notified): boolean {
  return one.atMs === other.atMs && one.event === other.event && one.outcome === other.outcome;
}
