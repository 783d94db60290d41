import type { Incident } from "../model/incident.ts";
import type { Logger } from "../runtime/logger.ts";
import type { IncidentStore } from "./store.ts";

/** Rates and peaks of open incidents only have to be about right: so many are written in turn, so often. */
const REFRESHED_AT_ONCE = 500;
const REFRESH_EVERY_MS = 5000;
/** How many incidents may wait for a store that fails. */
const WAITING_MAX = 20_000;
const PRUNE_EVERY_MS = 3_600_000;
export const RESOLVED_KEPT_MS = 7 * 24 * 3_600_000;

/**
 * Decides when incidents are written; pending ones never are, since nobody has heard of them.
 *
 * A store that fails stops nobody from being paged: what could not be written stays due, and is tried again at each tick.
 */
export class Persistence {
  readonly #store: IncidentStore;
  readonly #logger: Logger;
  readonly #changed = new Map<string, Incident>();
  readonly #refreshed = new Map<string, Incident>();
  #isScheduled = false;
  #isFailing = false;
  #isClosed = false;
  #prunedAtMs = 0;
  #refreshedAtMs = 0;

  constructor(store: IncidentStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** A change of state: written at the end of this turn of the event loop, before anything can be sent. */
  changed(incident: Incident): void {
    if (incident.status === "pending" || this.#isClosed) return;
    this.#refreshed.delete(incident.id);
    this.#changed.set(incident.id, incident);
    if (this.#isScheduled || this.#isFailing) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** New figures only: written some seconds later. */
  refreshed(incident: Incident): void {
    if (incident.status === "pending") return;
    // A change that waits for a failing store must not overwrite newer figures, nor be overtaken by them.
    if (this.#changed.has(incident.id)) this.#changed.set(incident.id, incident);
    else this.#refreshed.set(incident.id, incident);
  }

  /** What is written by another process from now on. */
  forget(isOthers: (incident: Incident) => boolean): void {
    for (const waiting of [this.#changed, this.#refreshed]) {
      for (const [id, incident] of waiting) if (isOthers(incident)) waiting.delete(id);
    }
  }

  tick(nowMs: number): void {
    if (nowMs - this.#refreshedAtMs >= REFRESH_EVERY_MS) {
      this.#refreshedAtMs = nowMs;
      for (const [id, incident] of this.#refreshed) {
        if (this.#changed.size >= REFRESHED_AT_ONCE) break;
        this.#refreshed.delete(id);
        this.#changed.set(id, incident);
      }
    }
    this.flush();
    if (nowMs - this.#prunedAtMs >= PRUNE_EVERY_MS) this.prune(nowMs);
  }

  prune(nowMs: number): void {
    this.#prunedAtMs = nowMs;
    this.#attempt(() => this.#store.prune(nowMs - RESOLVED_KEPT_MS));
  }

  /** Writes the changes of state now. */
  flush(): void {
    if (this.#isClosed || this.#changed.size === 0) return;
    if (this.#attempt(() => this.#store.save([...this.#changed.values()]))) {
      this.#changed.clear();
      return;
    }
    for (const id of this.#changed.keys()) {
      if (this.#changed.size <= WAITING_MAX) break;
      this.#changed.delete(id);
    }
  }

  close(): void {
    for (const [id, incident] of this.#refreshed) this.#changed.set(id, incident);
    this.flush();
    this.#isClosed = true;
    this.#store.close();
  }

  #attempt(write: () => void): boolean {
    try {
      write();
    } catch (err) {
      if (!this.#isFailing) {
        this.#logger.error({ err }, "incidents cannot be written: a restart would forget them");
      }
      this.#isFailing = true;
      return false;
    }
    if (this.#isFailing) this.#logger.info("incidents are written again");
    this.#isFailing = false;
    return true;
  }
}
