import { HttpError } from "./http/errors.ts";
import type { SilenceDesk } from "./http/silences.ts";
import type { SilenceStore } from "./incidents/silence-store.ts";
import { EXPIRED_KEPT_MS, SILENCES_MAX, type Silence } from "./model/silence.ts";
import type { Silences } from "./notify/silence.ts";
import type { Clock } from "./runtime/clock.ts";

/** The silences of a process by itself: in force once they are written. */
export class LocalSilences implements SilenceDesk {
  readonly #silences: Silences;
  readonly #store: SilenceStore;
  readonly #clock: Clock;

  /** Puts those of before a restart in force again. */
  constructor(silences: Silences, store: SilenceStore, clock: Clock) {
    this.#silences = silences;
    this.#store = store;
    this.#clock = clock;
    for (const silence of store.load()) silences.put(silence);
  }

  list(): readonly Silence[] {
    return this.#silences.list();
  }

  async add(silence: Silence): Promise<void> {
    if (this.#silences.isFull) throw tooManySilences();
    this.#written(() => {
      this.#store.prune(this.#clock.now() - EXPIRED_KEPT_MS);
      this.#store.save(silence);
    });
    this.#silences.put(silence);
  }

  async remove(id: string): Promise<boolean> {
    if (!this.#silences.has(id)) return false;
    this.#written(() => this.#store.remove(id));
    return this.#silences.remove(id);
  }

  #written(write: () => void): void {
    try {
      write();
    } catch (cause) {
      const reason =
        cause instanceof Error && cause.cause instanceof Error ? ` (${cause.cause.message})` : "";
      const message = `silences cannot be written to the data directory${reason}: nothing was changed`;
      throw new HttpError(503, "UNAVAILABLE", message, { cause });
    }
  }
}

export function tooManySilences(): HttpError {
  const message = `there are ${SILENCES_MAX} silences already: remove some, or wait until an hour after they ended`;
  return new HttpError(409, "TOO_MANY_SILENCES", message);
}
