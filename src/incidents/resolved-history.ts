import type { Incident } from "../model/incident.ts";
import { owesResolve } from "./notification-log.ts";

/**
 * The latest resolved incidents, in bounds.
 *
 * Those of which somebody has yet to be told that they are over are kept apart: however many resolve at once, none of
 * them may be forgotten before it is told, or a restart would tell it twice.
 */
export class ResolvedHistory {
  readonly #settledMax: number;
  readonly #owingMax: number;
  readonly #settled = new Map<string, Incident>();
  readonly #owing = new Map<string, Incident>();

  constructor({ settledMax, owingMax }: { settledMax: number; owingMax: number }) {
    this.#settledMax = settledMax;
    this.#owingMax = owingMax;
  }

  get(id: string): Incident | undefined {
    return this.#settled.get(id) ?? this.#owing.get(id);
  }

  put(incident: Incident): void {
    if (owesResolve(incident)) {
      this.#owing.set(incident.id, incident);
      const oldest = surplus(this.#owing, this.#owingMax);
      if (oldest !== undefined) this.#settle(oldest);
    } else {
      this.#owing.delete(incident.id);
      this.#settle(incident);
    }
  }

  forget(isWanted: (incident: Incident) => boolean): void {
    for (const incidents of [this.#settled, this.#owing]) {
      for (const [id, incident] of incidents) if (isWanted(incident)) incidents.delete(id);
    }
  }

  owing(): readonly Incident[] {
    return [...this.#owing.values()];
  }

  *all(): Iterable<Incident> {
    yield* this.#settled.values();
    yield* this.#owing.values();
  }

  #settle(incident: Incident): void {
    this.#settled.set(incident.id, incident);
    surplus(this.#settled, this.#settledMax);
  }
}

/** Takes the oldest out of a map that has more than `max`. */
function surplus(incidents: Map<string, Incident>, max: number): Incident | undefined {
  if (incidents.size <= max) return undefined;
  for (const [id, incident] of incidents) {
    incidents.delete(id);
    return incident;
  }
  return undefined;
}
