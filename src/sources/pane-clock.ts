import type { Clock } from "../runtime/clock.ts";

/** A wall clock that moves by more than this against the monotonic one has jumped. */
const JUMP_MS = 500;

/** What a tick means for the panes. */
export interface PaneTick {
  readonly nowMs: number;
  /** The pane that should be open now, where it is another than before; else `null`. */
  readonly opens: number | null;
  /** The pane that was open before. */
  readonly closes: number;
  readonly epoch: number;
  readonly hasJumped: boolean;
}

/**
 * Says which pane is open: panes are aligned to the wall clock, and a jump of it begins a new epoch.
 *
 * The first epoch is the start's time in ms, so that a restart is a new one too.
 */
export class PaneClock {
  readonly #clock: Clock;
  readonly #lengthMs: number;
  #offsetMs: number;
  #epoch: number;
  #openMs: number;

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
    this.#offsetMs = clock.now() - clock.monotonic();
    this.#epoch = clock.now();
    this.#openMs = this.#startOf(clock.now());
  }

  get epoch(): number {
    return this.#epoch;
  }

  get openMs(): number {
    return this.#openMs;
  }

  get endMs(): number {
    return this.#openMs + this.#lengthMs;
  }

  tick(): PaneTick {
    const nowMs = this.#clock.now();
    const offsetMs = nowMs - this.#clock.monotonic();
    const hasJumped = Math.abs(offsetMs - this.#offsetMs) > JUMP_MS;
    // Slow drift (NTP slewing) is followed; only a jump is an event.
    this.#offsetMs = offsetMs;
    if (hasJumped) this.#epoch = Math.max(this.#epoch + 1, nowMs);
    const shouldBeOpenMs = this.#startOf(nowMs);
    const closes = this.#openMs;
    const opens = shouldBeOpenMs !== closes || hasJumped ? shouldBeOpenMs : null;
    this.#openMs = shouldBeOpenMs;
    return { nowMs, opens, closes, epoch: this.#epoch, hasJumped };
  }

  #startOf(nowMs: number): number {
    return Math.floor(nowMs / this.#lengthMs) * this.#lengthMs;
  }
}
