/** A server that ran writes for so long while no event came does not publish them. */
const SILENT_MS_MAX = 10_000;

/** What one look says of the events since the look before. */
export interface SilenceLook {
  /** Events received since the start. */
  readonly events: number;
  readonly ranWrites: boolean;
  /** Whether events should come: a primary, and a subscription that is up. */
  readonly isListening: boolean;
  /** Monotonic, ms. */
  readonly nowMs: number;
}

/**
 * Judges a subscription by behaviour: writes ran, and no event came.
 *
 * `heard`: events came. `quiet`: none, though writes ran (they may all have changed nothing). `deaf`: so for 10 s.
 */
export class Silence {
  #eventsBefore = 0;
  #sinceMs: number | null = null;

  judge({ events, ranWrites, isListening, nowMs }: SilenceLook): "heard" | "quiet" | "deaf" | "nothing" {
    const isHeard = events !== this.#eventsBefore;
    this.#eventsBefore = events;
    if (isHeard || !ranWrites || !isListening) {
      this.#sinceMs = null;
      return isHeard ? "heard" : "nothing";
    }
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs >= SILENT_MS_MAX ? "deaf" : "quiet";
  }

  reset(): void {
    this.#sinceMs = null;
  }
}
