import type { Clock } from "../runtime/clock.ts";

export interface PaceOptions {
  readonly clock: Clock;
  /** The budget: never more. */
  readonly commandsPerSecondMax: number;
}

/** However slow the server is, the scan comes to an end. */
const COMMANDS_PER_SECOND_MIN = 100;
/** Where it starts, as a share of the budget: a busy server shows before it is hurt. */
const START_SHARE = 0.25;
/** The server is slower than before where a round trip takes so many times longer, and so many ms more. */
const SLOWER_TIMES = 2;
const SLOWER_MS = 1;
const CUT = 0.5;
const RISE = 1.2;
/** The median of so many round trips counts: one alone may be slow for a reason of this process. */
const ROUND_TRIPS = 3;
/** Round trips before the scan: their median is the usual one. */
const FIRST_ROUND_TRIPS = 5;
/** Rests of the budget do not add up: the server must not be asked for a second's worth in one go. */
const BURST_MS = 20;

/**
 * How fast one server may be asked: within a budget, and slower when its answers come later than they used to.
 *
 * Multiplicative decrease on a rise of latency, gentle increase else. State alone: the caller measures and waits.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #min: number;
  readonly #latest: number[] = [];
  #usualMs: number | null = null;
  #perSecond: number;
  #freeAtMs: number;
  #cuts = 0;

  constructor({ clock, commandsPerSecondMax }: PaceOptions) {
    this.#clock = clock;
    this.#max = commandsPerSecondMax;
    this.#min = Math.min(COMMANDS_PER_SECOND_MIN, commandsPerSecondMax);
    this.#perSecond = Math.max(this.#min, commandsPerSecondMax * START_SHARE);
    this.#freeAtMs = clock.monotonic();
  }

  /** Commands a second that are allowed now. */
  get commandsPerSecond(): number {
    return this.#perSecond;
  }

  /** How often it has slowed down. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Reserves `commands`; they may be sent after so many ms. */
  reserve(commands: number): number {
    const nowMs = this.#clock.monotonic();
    const startMs = Math.max(this.#freeAtMs, nowMs - BURST_MS);
    this.#freeAtMs = startMs + (commands / this.#perSecond) * 1000;
    return Math.max(0, startMs - nowMs);
  }

  /** Notes how long the answer to a PING took that was sent alone. */
  heard(roundTripMs: number): void {
    this.#latest.push(roundTripMs);
    if (this.#usualMs === null) {
      if (this.#latest.length === FIRST_ROUND_TRIPS) this.#learn();
      return;
    }
    if (this.#latest.length > ROUND_TRIPS) this.#latest.shift();
    this.#judge(medianOf(this.#latest), this.#usualMs);
  }

  #learn(): void {
    this.#usualMs = medianOf(this.#latest);
    this.#latest.length = 0;
  }

  #judge(nowMs: number, usualMs: number): void {
    if (this.#latest.length < ROUND_TRIPS) return;
    if (nowMs > usualMs * SLOWER_TIMES && nowMs > usualMs + SLOWER_MS) {
      this.#cuts += this.#perSecond > this.#min ? 1 : 0;
      this.#perSecond = Math.max(this.#min, this.#perSecond * CUT);
      // The next verdict is on round trips at the new pace.
      this.#latest.length = 0;
      return;
    }
    this.#perSecond = Math.min(this.#max, this.#perSecond * RISE);
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
