import type { Clock } from "./clock.ts";

/** Lets one caller wait until something has nothing left to do. */
export class IdleWait {
  readonly #clock: Clock;
  #onIdle: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is nothing left to do. */
  reached(): void {
    this.#onIdle();
  }

  /** Resolves when `reached` is called, at the latest after `deadlineMs`. */
  within(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(deadlineMs, resolve);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }
}
