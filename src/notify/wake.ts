import type { Clock } from "../runtime/clock.ts";

/** Wakes its owner at the earliest of the wall-clock times that it was asked for. */
export class Wake {
  readonly #clock: Clock;
  readonly #wake: (nowMs: number) => void;
  #dueMs = Number.POSITIVE_INFINITY;
  #cancel: () => void = () => {};
  #isClosed = false;

  constructor(clock: Clock, wake: (nowMs: number) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  at(atMs: number): void {
    if (atMs >= this.#dueMs || this.#isClosed) return;
    this.#dueMs = atMs;
    this.#cancel();
    this.#cancel = this.#clock.after(Math.max(1, atMs - this.#clock.now()), () => {
      const nowMs = this.#clock.now();
      // The wall clock may have been set back, or the timer fired a moment early.
      if (nowMs >= this.#dueMs) return this.#wake(nowMs);
      const dueMs = this.#dueMs;
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.at(dueMs);
    });
  }

  /** Whether a time has come that was asked for; if so, all of them are forgotten, to be asked for anew. */
  takeDue(nowMs: number): boolean {
    if (nowMs < this.#dueMs || this.#isClosed) return false;
    this.#dueMs = Number.POSITIVE_INFINITY;
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }
}
