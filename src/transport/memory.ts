import { Ledger, type StageBooks } from "../runtime/accounting.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { Pause } from "../runtime/pause.ts";
import { Backlog } from "./backlog.ts";
import type { Message, MessageHandler, Transport } from "./transport.ts";

export interface MemoryTransportOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bytesMax?: number;
  readonly batchBytesMax?: number;
  /** Entries of a pane that back-pressure has merged. */
  readonly entriesMax?: number;
}

const MEBIBYTE = 2 ** 20;
const RETRY = { firstMs: 50, maxMs: 1000 };

/** Agent and aggregator in one process: a bounded backlog between them. */
export class MemoryTransport implements Transport {
  readonly #ledger = new Ledger("transport");
  readonly #backlog: Backlog;
  readonly #clock: Clock;
  readonly #untilIdle: Pause;
  readonly #logger: Logger;
  #handler: MessageHandler | null = null;
  #isDelivering = false;
  #isClosed = false;
  #attempt = 0;
  #cancelRetry: () => void = () => {};

  constructor({ clock, logger, bytesMax, batchBytesMax, entriesMax = 1000 }: MemoryTransportOptions) {
    this.#clock = clock;
    this.#untilIdle = new Pause(clock);
    this.#logger = logger;
    this.#backlog = new Backlog({
      bytesMax: bytesMax ?? 64 * MEBIBYTE,
      batchBytesMax: batchBytesMax ?? MEBIBYTE,
      entriesMax,
      ledger: this.#ledger,
    });
  }

  get backlogBytes(): number {
    return this.#backlog.bytes;
  }

  books(): StageBooks[] {
    return [this.#ledger.books()];
  }

  publish(messages: readonly Message[]): void {
    this.#ledger.receive(messages.length);
    if (this.#isClosed) {
      this.#ledger.drop("closed", messages.length);
      return;
    }
    this.#backlog.add(messages);
    this.#deliverSoon();
  }

  consume(handler: MessageHandler): void {
    this.#handler = handler;
    this.#deliverSoon();
  }

  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#handler && this.#backlog.pending > 0) await this.#untilIdle.upTo(deadlineMs);
    this.#cancelRetry();
    this.#handler = null;
    this.#backlog.dropAll("closed");
  }

  /** Not at once: the publisher must not wait for the handler, and what is published together leaves together. */
  #deliverSoon(): void {
    if (this.#isDelivering || !this.#handler) return;
    this.#isDelivering = true;
    setImmediate(() => void this.#deliver());
  }

  /** Batch by batch, until nothing waits or one fails. */
  async #deliver(): Promise<void> {
    for (let batch = this.#backlog.batch(); batch.length > 0; batch = this.#backlog.batch()) {
      const handler = this.#handler;
      if (!handler) break;
      try {
        await handler(batch);
      } catch (err) {
        this.#retryLater(err);
        return;
      }
      // Closed meanwhile: what was under way is counted as dropped already.
      if (!this.#handler) break;
      this.#ledger.keep(this.#backlog.confirm());
      if (this.#attempt > 0) this.#logger.info("messages are taken again");
      this.#attempt = 0;
    }
    this.#isDelivering = false;
    this.#untilIdle.end();
  }

  #retryLater(err: unknown): void {
    if (!this.#handler) return;
    if (this.#attempt === 0) this.#logger.error({ err }, "messages could not be taken, trying again");
    this.#cancelRetry = this.#clock.after(backoffMs(this.#attempt++, RETRY), () => void this.#deliver());
  }
}
