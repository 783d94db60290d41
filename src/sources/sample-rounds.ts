import type { ClientsReport } from "../model/clients.ts";
import type { PanePart } from "../model/pane.ts";
import type { ServicesReport } from "../model/services.ts";
import type { Clock } from "../runtime/clock.ts";
import { ClientsReports } from "./samples/clients-reports.ts";
import type { SampleBatch, Taken } from "./samples/sample.ts";
import type { SamplesSource } from "./samples/samples-source.ts";

/** Parts leave so often; the agent's other sources keep the same rounds. */
const ROUND_MS = 200;

export interface SampleRoundsOptions {
  readonly source: SamplesSource;
  readonly clock: Clock;
  readonly emit: (messages: readonly (PanePart | ServicesReport | ClientsReport)[]) => void;
}

/** Sends what clients report, round by round, while any do: an agent that hears of none has no timer. */
export class SampleRounds {
  readonly #options: SampleRoundsOptions;
  readonly #reports = new ClientsReports();
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
    if (parts.length > 0) this.#options.emit([...parts, ...this.#reports.of(parts)]);
  }

  #schedule(): void {
    const { clock } = this.#options;
    if (this.#isStopped) return;
    this.#cancelRound = clock.after(ROUND_MS - (clock.now() % ROUND_MS), () => this.#round());
  }

  #round(): void {
    const { source, clock, emit } = this.#options;
    const nowMs = clock.now();
    const parts = source.round(nowMs);
    // Who was heard is told first: whether a key has cooled is judged when its pane closes.
    const services = parts.some(({ closing }) => closing) ? source.services(nowMs) : [];
    if (parts.length > 0) emit([...services, ...parts, ...this.#reports.of(parts)]);
    this.#cancelRound = null;
    if (source.isOpen) this.#schedule();
  }
}
