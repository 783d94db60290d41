import type { PanePart } from "../model/pane.ts";
import type { ServicesReport } from "../model/services.ts";
import type { Clock } from "../runtime/clock.ts";
import type { SampleBatch, Taken } from "./samples/sample.ts";
import type { SamplesSource } from "./samples/samples-source.ts";

/** Parts leave so often; the agent's other sources keep the same rounds. */
const ROUND_MS = 200;

export interface SampleRoundsOptions {
  readonly source: SamplesSource;
  readonly paneMs: number;
  readonly clock: Clock;
  readonly emit: (messages: readonly (PanePart | ServicesReport)[]) => void;
}

/** Sends what clients report, round by round, while any do: an agent that hears of none has no timer. */
export class SampleRounds {
  readonly #options: SampleRoundsOptions;
  #servicesToldMs = Number.NEGATIVE_INFINITY;
  #cancelRound: (() => void) | null = null;
  #isStopped = false;

  constructor(options: SampleRoundsOptions) {
    this.#options = options;
  }

  take(batch: SampleBatch, nowMs: number): Taken {
    const taken = this.#options.source.take(batch, nowMs);
    if (this.#cancelRound === null) this.#schedule();
    return taken;
  }

  /** Publishes what is open, then takes nothing more to heart. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRound?.();
    const parts = this.#options.source.stop();
    if (parts.length > 0) this.#options.emit(parts);
  }

  #schedule(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    this.#cancelRound = clock.after(ROUND_MS - (clock.now() % ROUND_MS), () => this.#round());
  }

  #round(): void {
    const { source, clock, paneMs, emit } = this.#options;
    const nowMs = clock.now();
    const messages: (PanePart | ServicesReport)[] = source.round(nowMs);
    if (Math.abs(nowMs - this.#servicesToldMs) >= paneMs) {
      this.#servicesToldMs = nowMs;
      messages.push(...source.services(nowMs));
    }
    if (messages.length > 0) emit(messages);
    this.#cancelRound = null;
    if (source.isOpen) this.#schedule();
  }
}
