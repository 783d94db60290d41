import type { Clock } from "../../../runtime/clock.ts";

/** The oldest of more is forgotten, and so may be tried too early. */
const PAUSES_MAX = 1024;

/** Keys that are let alone for a while. */
export class Pauses {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(id: string, lengthMs: number): void {
    this.#untilMs.delete(id);
    this.#untilMs.set(id, this.#clock.monotonic() + lengthMs);
    if (this.#untilMs.size <= PAUSES_MAX) return;
    for (const oldest of this.#untilMs.keys()) {
      this.#untilMs.delete(oldest);
      return;
    }
  }

  isOn(id: string): boolean {
    const untilMs = this.#untilMs.get(id);
    if (untilMs === undefined) return false;
    if (this.#clock.monotonic() < untilMs) return true;
    this.#untilMs.delete(id);
    return false;
  }

  end(id: string): void {
    this.#untilMs.delete(id);
  }
}
