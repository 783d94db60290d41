import type { Clock } from "../runtime/clock.ts";
import type { AccessCounter } from "./access-counter.ts";
import { AgentTime } from "./agent-time.ts";
import { buildBatch } from "./batch.ts";
import type { CountedRows } from "./recent-heat.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import { SteepKeys } from "./steep-keys.ts";

const SECOND_MS = 1000;
/** Between two looks for steep keys. */
const ROUND_MS = 200;
/** A timer may be so early. */
const EARLY_MS = 2;
/** What the agent takes as the time of one batch. */
const SPAN_MS_MAX = 10_000;

export interface ReportingOptions extends Omit<ReporterOptions, "onAgentTime"> {
  readonly service: string;
  /** This process, unlike all others there ever were. */
  readonly instance: string;
  /** Accesses for which a batch had no room. */
  readonly onLeft: (accesses: number) => void;
  readonly clock: Clock;
}

/**
 * Tells the agent what was counted: each second, on the whole seconds of its clock, and early each 200 ms of keys that
 * rise steeply. While nothing is counted there is no timer.
 */
export class Reporting {
  readonly #options: ReportingOptions;
  readonly #counter: AccessCounter;
  readonly #reporter: Reporter;
  readonly #time: AgentTime;
  readonly #steep = new SteepKeys();
  #cancelRound: (() => void) | null = null;
  #seq = 0;
  /** Which of the agent's seconds runs, since 1970. */
  #second = 0;
  /** Start of what the next whole batch tells of, by the agent's clock. */
  #startMs = 0;
  /** When steep keys were last looked for, or the tallies drained (monotonic). */
  #lookedMs: number;
  #isClosed = false;

  constructor(counter: AccessCounter, options: ReportingOptions) {
    const { clock } = options;
    this.#options = options;
    this.#counter = counter;
    this.#time = new AgentTime(clock.now(), clock.monotonic());
    this.#lookedMs = clock.monotonic();
    this.#reporter = new Reporter({ ...options, onAgentTime: (...reading) => this.#time.learn(...reading) });
  }

  /** Something was counted: begins a second unless one runs. */
  begin(): void {
    if (this.#isClosed || this.#cancelRound !== null) return;
    const nowMs = this.#options.clock.monotonic();
    const agentMs = this.#time.at(nowMs);
    this.#counter.beginSecond(nowMs);
    this.#steep.rested(nowMs - this.#lookedMs);
    this.#lookedMs = nowMs;
    this.#startMs = agentMs;
    this.#second = Math.floor(agentMs / SECOND_MS);
    this.#schedule(agentMs);
  }

  /** Sends `rest` and that this was all, within `timeoutMs`. */
  async close(rest: readonly CountedRows[], timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    this.#cancelRound?.();
    this.#cancelRound = null;
    // An agent that never heard of this process need not be told of its end.
    if (this.#seq > 0 || isAny(rest)) {
      this.#send(rest, this.#startMs, this.#time.at(this.#options.clock.monotonic()), true);
    }
    await this.#reporter.close(timeoutMs);
  }

  #schedule(agentMs: number): void {
    const delayMs = Math.ceil(ROUND_MS - (agentMs % ROUND_MS));
    this.#cancelRound = this.#options.clock.after(delayMs, () => this.#round());
  }

  #round(): void {
    this.#cancelRound = null;
    const nowMs = this.#options.clock.monotonic();
    const agentMs = this.#time.at(nowMs) + EARLY_MS;
    const second = Math.floor(agentMs / SECOND_MS);
    if (second === this.#second) this.#tellSteep(nowMs, agentMs);
    else if (!this.#tellSecond(nowMs, second)) return;
    this.#schedule(agentMs);
  }

  #tellSteep(nowMs: number, agentMs: number): void {
    const spanMs = nowMs - this.#lookedMs;
    const taken = this.#steep.take(this.#counter.tallies, spanMs);
    this.#lookedMs = nowMs;
    if (!isAny(taken)) return;
    this.#counter.tookOut(taken);
    this.#send(taken, agentMs - spanMs, agentMs, false);
  }

  /** Returns whether anything was counted in the second that is over. */
  #tellSecond(nowMs: number, second: number): boolean {
    const { counted, sums } = this.#counter.closeSecond(nowMs);
    this.#steep.closeSecond(sums);
    this.#lookedMs = nowMs;
    // A batch belongs to the second with whose end it ends, though its timer may have been late.
    const endMs = second * SECOND_MS;
    // An empty batch, once: nothing is to be told until the next one, so nobody is missed.
    if (isAny(counted) || (sums.size === 0 && this.#seq > 0))
      this.#send(counted, this.#startMs, endMs, false);
    this.#startMs = endMs;
    this.#second = second;
    return sums.size > 0;
  }

  #send(counted: readonly CountedRows[], fromMs: number, toMs: number, goodbye: boolean): void {
    const { service, instance, onLeft } = this.#options;
    const endMs = Math.floor(toMs);
    // The agent's clock may have gone back.
    const startMs = Math.floor(Math.min(endMs, Math.max(fromMs, endMs - SPAN_MS_MAX)));
    const head = { service, instance, seq: this.#seq++, startMs, endMs, goodbye };
    const { left, ...batch } = buildBatch(head, counted);
    if (left > 0) onLeft(left);
    this.#reporter.offer(batch);
  }
}

function isAny(counted: readonly CountedRows[]): boolean {
  return counted.some(({ rows }) => rows.length > 0);
}
