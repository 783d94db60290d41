import type { Intake } from "../../panes/open-pane.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import { DutyCycle } from "./duty-cycle.ts";
import { LoadShedding } from "./load-shedding.ts";

export interface IntakeControlOptions {
  readonly target: string;
  readonly yieldAt: number;
  readonly paneMs: number;
  /** Share of its time that the process was busy since the last call. */
  readonly busy: () => number;
  /** Begins or ends the stream of events. */
  readonly listen: (isOn: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What is asked of the reader. */
export interface ReaderState {
  readonly behindMs: number;
  readonly lagMs: number;
}

/** Carries out what the load shedding decides, and says so: in the panes, in the status, in the log. */
export class IntakeControl {
  readonly #options: IntakeControlOptions;
  readonly #shedding: LoadShedding;
  readonly #duty: DutyCycle;
  #saidReason: string | null = null;

  constructor(options: IntakeControlOptions) {
    this.#options = options;
    this.#shedding = new LoadShedding(options.yieldAt);
    this.#duty = new DutyCycle(options.clock, options.listen);
  }

  /** Of an event to be counted, all in all. */
  get probability(): number {
    const { probability, watchedShare } = this.#shedding.intake;
    return probability * watchedShare;
  }

  /** Whether events are wanted just now. */
  get isListening(): boolean {
    return this.#duty.isOn;
  }

  /** Why not every event is counted; `null`: every one is. */
  get reason(): string | null {
    return this.#shedding.reason;
  }

  /** Once a round. Returns the probability with which events are to be counted from now on. */
  round({ behindMs, lagMs }: ReaderState): number {
    const nowMs = this.#options.clock.monotonic();
    const isTooMuch = this.#shedding.look({ nowMs, behindMs, lagMs, busy: this.#options.busy() });
    if (isTooMuch) this.#duty.pause();
    this.#say();
    return this.#shedding.intake.probability;
  }

  lookAtServer(cpuShare: number | null): void {
    this.#shedding.lookAtServer(cpuShare, this.#options.clock.monotonic());
  }

  /**
   * A pane ends, in which the stream was read up to `readToMs` (monotonic; `null`: up to now): how much of it was
   * watched, and what is taken in by the next one. `worstLagMs`: how late events were read at most.
   */
  nextPane(readToMs: number | null, worstLagMs: number): { watchedShare: number; intake: Intake } {
    const watchedShare = this.#duty.endPane(readToMs);
    this.#shedding.beforePane(this.#options.clock.monotonic(), worstLagMs);
    const { intake } = this.#shedding;
    this.#duty.beginPane(intake.watchedShare, this.#options.paneMs);
    this.#say();
    return { watchedShare, intake };
  }

  stop(): void {
    this.#duty.stop();
  }

  #say(): void {
    const { reason, intake } = this.#shedding;
    if (reason === this.#saidReason) return;
    this.#saidReason = reason;
    const { logger, target } = this.#options;
    if (reason === null) logger.info({ target }, "every event is counted again");
    else logger.warn({ target, ...intake, reason }, "not every event is counted");
  }
}
