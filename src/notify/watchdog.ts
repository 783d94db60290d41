import type { Config } from "../config/schema.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { ATTEMPT_TIMEOUT_MS } from "./delivery.ts";
import { HttpSender } from "./receivers/http-sender.ts";

/** While not all is well, it is looked again so soon. */
const LOOK_MS = 1000;

export interface WatchdogOptions {
  /** Secret. */
  readonly url: string;
  readonly everyMs: number;
  /** Whether the process does its work, and those who should be told can be. */
  readonly isWell: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Starts the watchdog of a config; `null` where it names none. */
export function startWatchdog(
  config: Config["watchdog"],
  surroundings: Omit<WatchdogOptions, "url" | "everyMs">,
): Watchdog | null {
  if (config === undefined) return null;
  const watchdog = new Watchdog({ url: config.url, everyMs: config.every, ...surroundings });
  watchdog.start();
  return watchdog;
}

/**
 * A dead man's switch: calls a service elsewhere (GET) each `everyMs` while all is well, so that it pages when the calls
 * stay away. A call that fails is made again when the next is due; calls never overlap.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #sender: HttpSender;
  readonly #ending = new AbortController();
  #cancelNext: () => void = () => {};
  #call: Promise<void> = Promise.resolve();
  readonly #calls = { delivered: 0, failed: 0 };
  /** Since the last call that was taken. */
  #failed = 0;
  #reason = "";

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#sender = new HttpSender({ url: options.url, allow: [], clock: options.clock });
  }

  start(): void {
    this.#lookIn(0);
  }

  /** Since the start, by what became of them. */
  get calls(): Readonly<Record<"delivered" | "failed", number>> {
    return this.#calls;
  }

  /** Why it cannot call just now, a line. */
  problems(): readonly string[] {
    if (this.#failed === 0) return [];
    const times = this.#failed === 1 ? "once" : `${this.#failed} times in a row`;
    return [`watchdog: its call failed ${times}: ${this.#reason}`];
  }

  async close(): Promise<void> {
    this.#cancelNext();
    this.#ending.abort();
    await this.#call;
    await this.#sender.close();
  }

  #lookIn(delayMs: number): void {
    const { clock, everyMs, isWell } = this.#options;
    this.#cancelNext = clock.after(delayMs, () => {
      if (!isWell()) return this.#lookIn(Math.min(LOOK_MS, everyMs));
      const begunMs = clock.monotonic();
      this.#call = this.#callOnce().then(() => {
        if (this.#ending.signal.aborted) return;
        this.#lookIn(Math.max(0, begunMs + everyMs - clock.monotonic()));
      });
    });
  }

  async #callOnce(): Promise<void> {
    const { clock } = this.#options;
    const timeout = new AbortController();
    const cancelTimeout = clock.after(ATTEMPT_TIMEOUT_MS, () => timeout.abort());
    try {
      await this.#sender.get(AbortSignal.any([timeout.signal, this.#ending.signal]));
      this.#recover();
    } catch (err) {
      this.#suffer(err);
    } finally {
      cancelTimeout();
    }
  }

  #recover(): void {
    if (this.#failed > 0) this.#options.logger.info("watchdog can be called again");
    this.#failed = 0;
    this.#calls.delivered++;
  }

  #suffer(err: unknown): void {
    if (this.#ending.signal.aborted) return;
    if (this.#failed === 0) this.#options.logger.warn({ err }, "watchdog cannot be called: it will page");
    this.#failed++;
    this.#calls.failed++;
    this.#reason = err instanceof Error ? err.message : String(err);
  }
}
