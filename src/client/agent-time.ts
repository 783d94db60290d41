/** Of so many answers the one with the shortest way tells the time. */
const ANSWERS_KEPT = 8;
/** An answer that is off by more: the agent's clock was set, or this machine slept. */
const JUMP_MS = 500;

interface Reading {
  readonly roundTripMs: number;
  /** Agent's wall clock less our monotonic one. */
  readonly offsetMs: number;
}

/**
 * The agent's wall clock, learnt from its answers.
 *
 * Error: at most half of the shortest round trip. Source: RFC 5905, section 10 (clock filter).
 */
export class AgentTime {
  #offsetMs: number;
  #readings: Reading[] = [];

  /** Until the first answer the own wall clock stands for it. */
  constructor(nowMs: number, monotonicMs: number) {
    this.#offsetMs = nowMs - monotonicMs;
  }

  /** Wall clock of the agent, ms since 1970. */
  at(monotonicMs: number): number {
    return monotonicMs + this.#offsetMs;
  }

  /** The agent said `nowMs` in answer to what was sent at `sentMs` and came back at `receivedMs` (monotonic). */
  learn(nowMs: number, sentMs: number, receivedMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    const roundTripMs = receivedMs - sentMs;
    const offsetMs = nowMs - (receivedMs - roundTripMs / 2);
    if (Math.abs(offsetMs - this.#offsetMs) > JUMP_MS + roundTripMs / 2) this.#readings = [];
    this.#readings = [...this.#readings, { roundTripMs, offsetMs }].slice(-ANSWERS_KEPT);
    this.#offsetMs = this.#readings.reduce((best, one) =>
      one.roundTripMs < best.roundTripMs ? one : best,
    ).offsetMs;
  }
}
