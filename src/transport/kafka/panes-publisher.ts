import { Ledger, type StageBooks } from "../../runtime/accounting.ts";
import { Pause } from "../../runtime/pause.ts";
import { Backlog } from "../backlog.ts";
import type { Message, Outlet } from "../transport.ts";
import type { KafkaConnection } from "./connection.ts";
import { Sender } from "./sender.ts";
import { type OutgoingRecord, Shipment } from "./shipment.ts";

/** Where a message goes: a partition of the panes topic, and the key of its record there. */
export interface Route {
  readonly partition: number;
  readonly key: string;
}

export interface PanesPublisherOptions {
  readonly connection: KafkaConnection;
  readonly encode: (message: Message) => Uint8Array;
  /** At least one: to each of them the same bytes go. */
  readonly route: (message: Message) => readonly Route[];
  /** So much may wait. */
  readonly bytesMax?: number;
  readonly batchBytesMax?: number;
  /** Entries of a pane that back-pressure has merged. */
  readonly entriesMax?: number;
}

const MEBIBYTE = 2 ** 20;
const PARTITION_BYTES_MAX = 900 * 1024;
/** A broker that hangs is an error to kafkajs after 30 s only: three requests that were not answered. */
const UNCONFIRMED_MS_MAX = 5000;

/**
 * The agents' end of Kafka: a bounded backlog, of which one batch at a time is sent, unchanged until it is confirmed
 * (what was tried may have arrived).
 */
export class PanesPublisher implements Outlet {
  readonly #options: PanesPublisherOptions;
  readonly #ledger = new Ledger("transport");
  readonly #backlog: Backlog;
  readonly #sender: Sender;
  readonly #untilIdle: Pause;
  #isRunning = false;
  #isClosed = false;
  #isDropped = false;
  #sentAtMs: number;

  constructor(options: PanesPublisherOptions) {
    this.#options = options;
    this.#sender = new Sender(options.connection);
    this.#untilIdle = new Pause(options.connection.clock);
    this.#sentAtMs = options.connection.clock.monotonic();
    this.#backlog = new Backlog({
      bytesMax: options.bytesMax ?? 64 * MEBIBYTE,
      batchBytesMax: options.batchBytesMax ?? MEBIBYTE,
      entriesMax: options.entriesMax ?? 1000,
      ledger: this.#ledger,
    });
  }

  get backlogBytes(): number {
    return this.#backlog.bytes;
  }

  /** How long nothing has been confirmed while something waited, in ms; 0: nothing waits. */
  get sentLagMs(): number {
    if (this.#backlog.pending === 0) return 0;
    return this.#options.connection.clock.monotonic() - this.#sentAtMs;
  }

  /** Why it cannot send now, in one line; `null`: it can. */
  problem(): string | null {
    return this.#sender.problem() ?? this.#silence();
  }

  #silence(): string | null {
    if (this.sentLagMs <= UNCONFIRMED_MS_MAX) return null;
    const where = this.#options.connection.settings.brokers.join(", ");
    return `Kafka at ${where} does not confirm what is sent: it hangs, or the way to it does; panes are kept meanwhile`;
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
    if (this.#backlog.pending === 0) this.#sentAtMs = this.#options.connection.clock.monotonic();
    this.#backlog.add(messages);
    this.#sendSoon();
  }

  async close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options.connection;
    const endMs = clock.monotonic() + deadlineMs;
    this.#isClosed = true;
    if (this.#backlog.pending > 0) await this.#untilIdle.upTo(deadlineMs);
    this.#isDropped = true;
    if (this.#backlog.pending > 0) this.#backlog.dropAll("closed");
    await this.#sender.close(endMs - clock.monotonic());
  }

  /** Not at once: what is published together leaves together. */
  #sendSoon(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (let batch = this.#backlog.batch(); batch.length > 0; batch = this.#backlog.batch()) {
      const { records, sources, bad } = this.#recordsOf(batch);
      const shipment = new Shipment(records, PARTITION_BYTES_MAX);
      // Closed meanwhile: what was under way is counted as dropped already.
      if (!(await this.#sender.ship(shipment)) || this.#isDropped) return;
      const tooLarge = new Set(shipment.refused.flatMap((record) => sources.get(record) ?? []));
      this.#ledger.keep(this.#backlog.confirm({ unencodable: bad, "too-large": tooLarge }));
      this.#sentAtMs = this.#options.connection.clock.monotonic();
      if (tooLarge.size > 0) this.#tellTooLarge(tooLarge.size);
    }
    this.#isRunning = false;
    this.#untilIdle.end();
  }

  /** Each message's bytes, once for each of its partitions. */
  #recordsOf(batch: readonly Message[]) {
    const { connection, route } = this.#options;
    const topic = connection.topics.panes;
    const sources = new Map<OutgoingRecord, Message>();
    const bad = new Set<Message>();
    for (const message of batch) {
      const value = this.#encoded(message);
      if (value === null) bad.add(message);
      else for (const place of route(message)) sources.set({ topic, ...place, value }, message);
    }
    return { records: [...sources.keys()], sources, bad };
  }

  /** `null`: it cannot be encoded, which must not stop what comes after it. */
  #encoded(message: Message): Uint8Array | null {
    try {
      return this.#options.encode(message);
    } catch (err) {
      this.#options.connection.logger.error({ err, type: message.type }, "a message cannot be encoded");
      return null;
    }
  }

  #tellTooLarge(count: number): void {
    this.#options.connection.logger.warn({ count }, "kafka refuses messages as too large, they are dropped");
  }
}
