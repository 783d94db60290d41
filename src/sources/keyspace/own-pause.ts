import type { Clock } from "../../runtime/clock.ts";

/** Whoever looks at least once a second and was kept from it for so long stood still; a busy moment is shorter. */
const PAUSED_AFTER_MS = 3000;

/**
 * Notices that this process itself stood still: a stopped container, a machine that was suspended, heavy swapping. What
 * piled up in its sockets meanwhile all comes at once, and says nothing of how much is happening now.
 */
export class OwnPause {
  readonly #clock: Clock;
  #lookedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedMs = clock.monotonic();
  }

  /** For how long the process has just stood still, in ms; 0: it ran. To be called once a second or more often. */
  look(): number {
    const nowMs = this.#clock.monotonic();
    const sinceMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    return sinceMs >= PAUSED_AFTER_MS ? sinceMs : 0;
  }
}
