import type { Clock } from "../runtime/clock.ts";

/** Keeps messages apart: after one has begun, the next is held for `minIntervalMs` (0: not at all). */
export class Spacing {
  readonly #minIntervalMs: number;
  readonly #clock: Clock;
  readonly #onFree: () => void;
  #freed: Promise<void> | null = null;
  #cancel: () => void = () => {};

  constructor(minIntervalMs: number, clock: Clock, onFree: () => void) {
    this.#minIntervalMs = minIntervalMs;
    this.#clock = clock;
    this.#onFree = onFree;
  }

  /** Resolves when the next message may begin; `null` where it may now. */
  get freed(): Promise<void> | null {
    return this.#freed;
  }

  /** A message begins. */
  begin(): void {
    if (this.#minIntervalMs === 0) return;
    this.#freed = new Promise((resolve) => {
      this.#cancel = this.#clock.after(this.#minIntervalMs, () => {
        this.#freed = null;
        this.#onFree();
        resolve();
      });
    });
  }

  close(): void {
    this.#cancel();
  }
}
