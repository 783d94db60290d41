import type { SourceState, SourceStatus } from "../../model/target.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Gaps } from "./gaps.ts";

export interface StatusBoardOptions {
  readonly source: string;
  readonly target: string;
  readonly gaps: Gaps;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The state of a source, and since when; changes are logged once. */
export class StatusBoard {
  readonly #options: StatusBoardOptions;
  #state: SourceState;
  #reason: string | null;
  #sinceMs: number;

  constructor(state: SourceState, reason: string, options: StatusBoardOptions) {
    this.#options = options;
    this.#state = state;
    this.#reason = reason;
    this.#sinceMs = options.clock.now();
  }

  get state(): SourceState {
    return this.#state;
  }

  /** `probability` of an event to be counted while the source is up, and why it is below 1. */
  status(probability: number, sampledBecause: string | null): SourceStatus {
    const { source, gaps } = this.#options;
    const isUp = this.#state === "up";
    return {
      source,
      state: this.#state,
      sinceMs: this.#sinceMs,
      gaps: gaps.total,
      probability: isUp ? probability : 1,
      reason: (isUp && sampledBecause) || this.#reason,
    };
  }

  /** `isExpected`: the change is ours, nobody needs to read of it. */
  set(state: SourceState, reason: string | null, { isExpected = false } = {}): void {
    if (state === this.#state && reason === this.#reason) return;
    const isNews = state !== this.#state || state !== "up";
    if (state !== this.#state) this.#sinceMs = this.#options.clock.now();
    this.#state = state;
    this.#reason = reason;
    if (isNews && !isExpected) this.#log();
  }

  #log(): void {
    const { source, target, gaps, logger } = this.#options;
    const facts = { target, source, state: this.#state, reason: this.#reason, gaps: gaps.byReason() };
    if (this.#state === "up") logger.info(facts, "listening to keyspace events");
    else logger.warn(facts, "not listening to keyspace events");
  }
}
