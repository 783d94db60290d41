import type { TestContext } from "node:test";
import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { applyCures } from "../../src/transport/kafka/cures.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { panesPartition } from "../../src/transport/kafka/partitioning.ts";
import { MessageBuckets } from "../../src/transport/message-buckets.ts";
import type { Message } from "../../src/transport/transport.ts";
import { encodeMessage } from "../../src/wire/message-codec.ts";

/** Bytes for one partition. */
export interface RawRecord {
  readonly partition: number;
  readonly value: Buffer | null;
}

export interface PanesProducerOptions {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly buckets?: number;
  readonly partitions?: number;
}

/** Writes to the topics of a prefix what a test likes, in the order and as often as it likes. */
export class PanesProducer {
  readonly #producer: Producer;
  readonly #topics: ReturnType<typeof topicNames>;
  readonly #concerned: MessageBuckets;
  readonly #partitions: number;

  private constructor(producer: Producer, { prefix, buckets = 12, partitions = 12 }: PanesProducerOptions) {
    this.#producer = producer;
    this.#topics = topicNames(prefix);
    this.#concerned = new MessageBuckets(buckets);
    this.#partitions = partitions;
  }

  /** It ends with the test `t`. */
  static async start(t: TestContext, options: PanesProducerOptions): Promise<PanesProducer> {
    applyCures();
    const kafka = new Kafka({ brokers: [...options.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    t.after(() => producer.disconnect());
    return new PanesProducer(producer, options);
  }

  partitionOf(cluster: string, bucket: number): number {
    return panesPartition(cluster, bucket, this.#partitions);
  }

  /** The records of a message, one for each partition that has to hear of it. */
  records(message: Message): RawRecord[] {
    const value = Buffer.from(encodeMessage(message));
    const partitions = this.#concerned.of(message).map((bucket) => this.partitionOf(message.cluster, bucket));
    return [...new Set(partitions)].map((partition) => ({ partition, value }));
  }

  /** In this order; resolves when the broker has them. */
  async send(records: readonly RawRecord[], topic: "panes" | "state" | "heat" = "panes"): Promise<void> {
    const messages = records.map(({ partition, value }) => ({ partition, key: "test", value }));
    await this.#producer.send({ topic: this.#topics[topic], messages, acks: -1 });
  }
}
