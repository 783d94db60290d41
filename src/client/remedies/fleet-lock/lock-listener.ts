import type { Clock } from "../../../runtime/clock.ts";

/** Somebody who waits for news of a lock. News that come while he looks elsewhere are kept for his next wait. */
export class LockListener {
  readonly #clock: Clock;
  readonly #leave: (listener: LockListener) => void;
  #isHearing = false;
  #hasNews = false;
  #end = () => {};

  constructor(clock: Clock, leave: (listener: LockListener) => void) {
    this.#clock = clock;
    this.#leave = leave;
  }

  /** Whether he would be told; else he has to look by himself. */
  get isHearing(): boolean {
    return this.#isHearing;
  }

  /** Resolves when there is news, or he hears from now on, or not any more; at the latest after `delayMs`. */
  async next(delayMs: number): Promise<void> {
    if (!this.#hasNews) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(delayMs, resolve);
        this.#end = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#hasNews = false;
  }

  hears(isHearing: boolean): void {
    this.#isHearing = isHearing;
    this.tell();
  }

  tell(): void {
    this.#hasNews = true;
    this.#end();
  }

  close(): void {
    this.#end();
    this.#leave(this);
  }
}
