import { setTimeout as sleep } from "node:timers/promises";

const STEP_MS = 10;

/** Calls at a steady rate until they are stopped. */
export class PacedCalls {
  #made = 0;
  #isStopped = false;
  readonly #running: Promise<void>;

  /** `call` is called `perSecond` times a second, in goes of 10 ms; a call that fails ends it all. */
  constructor(perSecond: number, call: (n: number) => Promise<unknown>) {
    this.#running = this.#run(perSecond, call);
  }

  /** Calls made so far. */
  get made(): number {
    return this.#made;
  }

  /** Ends it when all calls were answered. Returns how many there were. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#running;
    return this.#made;
  }

  async #run(perSecond: number, call: (n: number) => Promise<unknown>): Promise<void> {
    const startMs = performance.now();
    while (!this.#isStopped) {
      const due = Math.floor(((performance.now() - startMs) * perSecond) / 1000);
      const calls: Promise<unknown>[] = [];
      while (this.#made < due) calls.push(call(this.#made++));
      await Promise.all(calls);
      await sleep(STEP_MS);
    }
  }
}
