import { Ledger, type StageBooks } from "../../runtime/accounting.ts";
import type { KafkaConnection } from "./connection.ts";
import { Sender } from "./sender.ts";
import { type OutgoingRecord, recordBytes, Shipment } from "./shipment.ts";

export interface RecordWriterOptions {
  readonly connection: KafkaConnection;
  /** Topics whose records age: they are the first to go when bytes run out. */
  readonly sheddable?: readonly string[];
  /** What may wait, what is being sent included. */
  readonly bytesMax?: number;
}

interface Waiting {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  /** Number of the put that it is from. */
  readonly sequence: number;
}

interface Flush {
  /** It waits for all puts up to this one. */
  readonly sequence: number;
  readonly resolve: () => void;
}

const MEBIBYTE = 2 ** 20;
const PARTITION_BYTES_MAX = 900 * 1024;
const SHIPMENT_BYTES_MAX = 4 * MEBIBYTE;

/**
 * Writes records of which only the newest value of a key counts, in order, trying for ever: a put never blocks and never
 * fails.
 *
 * Of what waits there is one record per (topic, partition, key), at the place of its first put, with the value of its
 * last; what is being sent is not touched. Bounded in bytes: sheddable records go first, then new ones, all counted.
 */
export class RecordWriter {
  readonly #connection: KafkaConnection;
  readonly #sender: Sender;
  readonly #ledger = new Ledger("records");
  readonly #sheddable: ReadonlySet<string>;
  readonly #bytesMax: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #flushes = new Set<Flush>();
  #sending: readonly Waiting[] = [];
  #bytes = 0;
  #sequence = 0;
  #isRunning = false;
  #isClosed = false;

  constructor({ connection, sheddable = [], bytesMax = 32 * MEBIBYTE }: RecordWriterOptions) {
    this.#connection = connection;
    this.#sender = new Sender(connection);
    this.#sheddable = new Set(sheddable);
    this.#bytesMax = bytesMax;
  }

  /** Bytes that wait, what is being sent included. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Why records do not arrive now, in one line; `null`: they do. */
  problem(): string | null {
    return this.#sender.problem();
  }

  books(): StageBooks[] {
    return [this.#ledger.books()];
  }

  put(record: OutgoingRecord): void {
    this.#ledger.receive();
    if (this.#isClosed) {
      this.#ledger.drop("closed");
      return;
    }
    const id = `${record.topic}|${record.partition}|${record.key}`;
    const bytes = recordBytes(record);
    const before = this.#waiting.get(id);
    if (!this.#makeRoom(bytes - (before?.bytes ?? 0), record.topic)) {
      this.#ledger.drop("writer-full");
      return;
    }
    if (before !== undefined) this.#ledger.drop("superseded");
    // A key that is there already stays at its place.
    this.#waiting.set(id, { record, bytes, sequence: ++this.#sequence });
    this.#bytes += bytes - (before?.bytes ?? 0);
    this.#sendSoon();
  }

  /** Whether all that was put until now has arrived, or was dropped, within `deadlineMs`. */
  flush(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const flush: Flush = {
        sequence: this.#sequence,
        resolve: () => {
          cancel();
          this.#flushes.delete(flush);
          resolve(true);
        },
      };
      const cancel = this.#connection.clock.after(deadlineMs, () => {
        this.#flushes.delete(flush);
        resolve(false);
      });
      this.#flushes.add(flush);
      this.#resolveFlushes();
    });
  }

  /** Takes no more records, writes what it has for at most `deadlineMs`, and drops, and counts, the rest. */
  async close(deadlineMs: number): Promise<void> {
    const { clock } = this.#connection;
    const endMs = clock.monotonic() + deadlineMs;
    const isWritten = this.flush(deadlineMs);
    this.#isClosed = true;
    await isWritten;
    const lost = this.#sending.length + this.#waiting.size;
    if (lost > 0) this.#ledger.drop("closed", lost);
    this.#sending = [];
    this.#waiting.clear();
    this.#bytes = 0;
    await this.#sender.close(endMs - clock.monotonic());
  }

  /** Whether `bytes` more fit, perhaps after sheddable records went. */
  #makeRoom(bytes: number, topic: string): boolean {
    if (this.#bytes + bytes <= this.#bytesMax) return true;
    if (this.#sheddable.has(topic)) return false;
    for (const [id, waiting] of this.#waiting) {
      if (this.#bytes + bytes <= this.#bytesMax) return true;
      if (!this.#sheddable.has(waiting.record.topic)) continue;
      this.#waiting.delete(id);
      this.#bytes -= waiting.bytes;
      this.#ledger.drop("writer-full");
    }
    return this.#bytes + bytes <= this.#bytesMax;
  }

  /** Not at once: what is put together leaves together. */
  #sendSoon(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      this.#sending = this.#takeBatch();
      const records = this.#sending.map(({ record }) => record);
      const shipment = new Shipment(records, PARTITION_BYTES_MAX);
      // Closed meanwhile: what was under way is counted as dropped already.
      if (!(await this.#sender.ship(shipment)) || this.#sending.length === 0) return;
      this.#settle(shipment.refused);
    }
    this.#isRunning = false;
  }

  #takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (const [id, waiting] of this.#waiting) {
      if (batch.length > 0 && bytes + waiting.bytes > SHIPMENT_BYTES_MAX) break;
      batch.push(waiting);
      bytes += waiting.bytes;
      this.#waiting.delete(id);
    }
    return batch;
  }

  #settle(refused: readonly OutgoingRecord[]): void {
    this.#ledger.keep(this.#sending.length - refused.length);
    if (refused.length > 0) this.#ledger.drop("too-large", refused.length);
    for (const record of refused) {
      const { topic, partition } = record;
      this.#connection.logger.warn(
        { topic, partition, bytes: recordBytes(record) },
        "kafka refuses a record as too large, it is dropped",
      );
    }
    this.#bytes -= this.#sending.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#sending = [];
    this.#resolveFlushes();
  }

  #resolveFlushes(): void {
    if (this.#flushes.size === 0) return;
    const open = [...this.#sending, ...this.#waiting.values()];
    const oldest = open.reduce((least, { sequence }) => Math.min(least, sequence), Number.POSITIVE_INFINITY);
    for (const flush of [...this.#flushes]) if (flush.sequence < oldest) flush.resolve();
  }
}
