import { CompressionTypes, type Producer, type RecordMetadata, type TopicMessages } from "kafkajs";
import { backoffMs } from "../../runtime/backoff.ts";
import { Pause } from "../../runtime/pause.ts";
import type { KafkaConnection } from "./connection.ts";
import { settledWithin } from "./deadline.ts";
import type { KafkaProblem } from "./problem.ts";
import type { OutgoingRecord, Shipment } from "./shipment.ts";

/** How long the brokers may take for their copies. */
const ACKNOWLEDGE_MS = 5000;
const ALL_COPIES = -1;
const RETRY = { firstMs: 50, maxMs: 1000 };
const COMPRESSED_BYTES_MIN = 4096;

/**
 * Sends shipments one after the other, trying for ever, with one request in flight: several at once would be reordered
 * when a leader changes.
 */
export class Sender {
  readonly #connection: KafkaConnection;
  readonly #producer: Producer;
  readonly #retryPause: Pause;
  #isConnected = false;
  #isClosed = false;
  #problem: KafkaProblem | null = null;

  constructor(connection: KafkaConnection) {
    this.#connection = connection;
    this.#producer = connection.producer();
    this.#retryPause = new Pause(connection.clock);
  }

  /** Why records do not arrive now, in one line; `null`: they do, or nothing was sent yet. */
  problem(): string | null {
    return this.#problem?.message ?? null;
  }

  /**
   * Resolves with true when all of the shipment has arrived or was refused as too large, with false when the sender was
   * closed before that. Never rejects.
   */
  async ship(shipment: Shipment): Promise<boolean> {
    let attempt = 0;
    for (let records = shipment.next; records !== null; records = shipment.next) {
      if (this.#isClosed) return false;
      const problem = await this.#send(records);
      if (problem === null) {
        shipment.arrived();
        attempt = 0;
      } else if (problem.code === "TOO_LARGE") shipment.tooLarge();
      else await this.#retryPause.upTo(backoffMs(attempt++, RETRY));
      this.#tell(problem?.code === "TOO_LARGE" ? null : problem);
    }
    return true;
  }

  /** Gives up what is under way. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    this.#retryPause.end();
    await settledWithin(this.#producer.disconnect(), deadlineMs, this.#connection.clock);
  }

  async #send(records: readonly OutgoingRecord[]): Promise<KafkaProblem | null> {
    const topic = records[0]?.topic ?? "";
    try {
      if (!this.#isConnected) await this.#producer.connect();
      this.#isConnected = true;
      const answers = await this.#producer.sendBatch({
        acks: ALL_COPIES,
        timeout: ACKNOWLEDGE_MS,
        compression: compressionFor(records),
        topicMessages: messagesByTopic(records, this.#connection.clock.now()),
      });
      return this.#unanswered(records, answers);
    } catch (cause) {
      return this.#connection.problemOf(cause, { topic, operation: "write" });
    }
  }

  /** kafkajs leaves records out, silently, whose partition is not there. */
  #unanswered(records: readonly OutgoingRecord[], answers: readonly RecordMetadata[]): KafkaProblem | null {
    const answered = new Set(answers.map(({ topicName, partition }) => `${topicName}|${partition}`));
    const lost = records.find(({ topic, partition }) => !answered.has(`${topic}|${partition}`));
    if (lost === undefined) return null;
    const { partitions } = this.#connection.settings;
    const message = `topic ${lost.topic} has no partition ${lost.partition}: kafka.partitions says ${partitions}; run keyheat topics`;
    return { code: "NO_PARTITION", message, retryable: true };
  }

  #tell(problem: KafkaProblem | null): void {
    const before = this.#problem;
    this.#problem = problem;
    const isSame = (before === null) === (problem === null);
    if (isSame && (problem === null || problem.retryable || before?.code === problem.code)) return;
    const { logger } = this.#connection;
    if (problem !== null) logger.warn({ reason: problem.message }, "kafka takes no records, trying again");
    else logger.info("kafka takes records again");
  }
}

/** A heartbeat is not worth a compressor: setting one up costs more than it saves, and each reader pays as well. */
function compressionFor(records: readonly OutgoingRecord[]): CompressionTypes {
  const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  return bytes < COMPRESSED_BYTES_MIN ? CompressionTypes.None : CompressionTypes.ZSTD;
}

function messagesByTopic(records: readonly OutgoingRecord[], nowMs: number): TopicMessages[] {
  const timestamp = String(nowMs);
  const byTopic = new Map<string, TopicMessages>();
  for (const { topic, partition, key, value } of records) {
    const messages = byTopic.get(topic)?.messages ?? [];
    messages.push({ partition, key, value: value === null ? null : bufferOf(value), timestamp });
    byTopic.set(topic, { topic, messages });
  }
  return [...byTopic.values()];
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
