import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import { Pause } from "../runtime/pause.ts";
import type { AgentAnswer } from "./agent-connection.ts";
import type { Batch } from "./batch.ts";

const BACKOFF = { firstMs: 500, maxMs: 10_000 };
/** What waits while the agent is away; the oldest leave. */
const BATCHES_MAX = 10;
const BYTES_MAX = 1024 * 1024;

export type ReportDrop = "agent-away" | "refused";

/** What a reporter needs of a connection. */
export interface AgentPost {
  /** Rejects when no whole answer came. */
  post(body: Buffer): Promise<AgentAnswer>;
  /** What is sent from now on may keep the process alive. */
  hold(): void;
  close(): void;
}

export interface ReporterOptions {
  readonly connection: AgentPost;
  readonly clock: Clock;
  readonly onSent: (accesses: number) => void;
  readonly onDropped: (reason: ReportDrop, accesses: number) => void;
  /** The agent's wall clock as its answer tells it, with the monotonic times of request and answer. */
  readonly onAgentTime: (nowMs: number, sentMs: number, receivedMs: number) => void;
  /** The agent will not have what it is sent: for the first time. */
  readonly onRefused: (answer: AgentAnswer) => void;
  readonly random?: () => number;
}

/**
 * Sends batches one after the other, each until it is accepted, refused, or pushed out by later ones.
 *
 * Memory: at most ten batches and 1 MiB, beside the one that is on its way.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #untilIdle: Pause;
  #queue: Batch[] = [];
  #sending: Batch | null = null;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;
  #wasRefused = false;
  #isClosing = false;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#untilIdle = new Pause(options.clock);
  }

  offer(batch: Batch): void {
    this.#queue.push(batch);
    this.#limit();
    this.#sendNext();
  }

  /** Sends what waits, without trying again, and gives up after `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const { connection } = this.#options;
    this.#isClosing = true;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    connection.hold();
    const idle = this.#untilIdle.upTo(timeoutMs);
    this.#sendNext();
    await idle;
    this.#giveUp();
    connection.close();
  }

  #sendNext(): void {
    if (this.#sending !== null || this.#cancelRetry !== null) return;
    const batch = this.#queue.shift() ?? null;
    this.#sending = batch;
    if (batch === null) {
      this.#untilIdle.end();
      return;
    }
    const sentMs = this.#options.clock.monotonic();
    this.#options.connection.post(batch.body).then(
      (answer) => this.#answered(batch, answer, sentMs),
      () => this.#failed(batch),
    );
  }

  #answered(batch: Batch, answer: AgentAnswer, sentMs: number): void {
    if (isTemporary(answer.status)) {
      this.#failed(batch);
      return;
    }
    if (this.#sending !== batch) return;
    this.#sending = null;
    if (answer.status >= 200 && answer.status < 300) this.#accepted(batch, answer, sentMs);
    else this.#refused(batch, answer);
    this.#sendNext();
  }

  #accepted({ accesses }: Batch, { body }: AgentAnswer, sentMs: number): void {
    const { onSent, onAgentTime, clock } = this.#options;
    this.#failures = 0;
    onSent(accesses);
    const nowMs = agentTimeIn(body);
    if (nowMs !== null) onAgentTime(nowMs, sentMs, clock.monotonic());
  }

  /** The next one may fare better (one that was too large), but not at once. */
  #refused({ accesses }: Batch, answer: AgentAnswer): void {
    this.#options.onDropped("refused", accesses);
    this.#backOff();
    if (this.#wasRefused) return;
    this.#wasRefused = true;
    this.#options.onRefused(answer);
  }

  #failed(batch: Batch): void {
    if (this.#sending !== batch) return;
    this.#sending = null;
    this.#queue.unshift(batch);
    this.#limit();
    this.#backOff();
    this.#sendNext();
  }

  #backOff(): void {
    if (this.#isClosing) {
      this.#giveUp();
      return;
    }
    const delayMs = backoffMs(this.#failures++, BACKOFF, this.#options.random);
    this.#cancelRetry = this.#options.clock.after(delayMs, () => {
      this.#cancelRetry = null;
      this.#sendNext();
    });
  }

  #limit(): void {
    let bytes = this.#queue.reduce((sum, { body }) => sum + body.length, 0);
    while (this.#queue.length > BATCHES_MAX || bytes > BYTES_MAX) {
      const oldest = this.#queue.shift();
      if (oldest === undefined) return;
      bytes -= oldest.body.length;
      this.#options.onDropped("agent-away", oldest.accesses);
    }
  }

  #giveUp(): void {
    const unsent = this.#sending === null ? this.#queue : [this.#sending, ...this.#queue];
    this.#sending = null;
    this.#queue = [];
    for (const { accesses } of unsent) this.#options.onDropped("agent-away", accesses);
  }
}

/** Whether the same batch may be taken later. */
function isTemporary(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

/** `null`: whoever answered is no agent, or an older one. */
function agentTimeIn(body: string): number | null {
  try {
    const { nowMs } = JSON.parse(body) as { nowMs?: unknown };
    return typeof nowMs === "number" && Number.isFinite(nowMs) && nowMs > 0 ? nowMs : null;
  } catch {
    return null;
  }
}
