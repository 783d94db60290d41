import type { Batch } from "kafkajs";
import type { KafkaConnection } from "./connection.ts";
import { settledWithin } from "./deadline.ts";
import { tableGroup } from "./names.ts";
import type { KafkaProblem } from "./problem.ts";
import { type ConsumerHandler, SupervisedConsumer } from "./supervised-consumer.ts";
import { type TopicRecord, topicRecord } from "./topic-record.ts";

export interface TopicTableOptions {
  readonly connection: KafkaConnection;
  readonly topics: readonly string[];
  /** Records of one partition, in order. Must not throw. */
  readonly onRecords: (topic: string, partition: number, records: readonly TopicRecord[]) => void;
  /** Called once, when it cannot go on; nothing is read any more. */
  readonly onDead: (problem: KafkaProblem) => void;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record; `null`: none was read, it begins with the oldest. */
  next: number | null;
  /** Where the partition ended at the start; `null`: that is reached. */
  target: number | null;
  /** When it last moved, by the monotonic clock. */
  movedMs: number;
}

/** How much of a close's time is kept for removing the group. */
const GROUP_REMOVAL_SHARE = 0.3;

/** Reads whole topics, all partitions from their oldest record on, and follows them. */
export class TopicTable {
  readonly #options: TopicTableOptions;
  readonly #group: string;
  readonly #consumer: SupervisedConsumer;
  readonly #places = new Map<string, Place>();
  #isPrepared = false;
  #isDead = false;
  #resolveCaughtUp: () => void = () => {};
  /** Resolves when all that was there at the start was handed over. Stays open where the table dies before that. */
  readonly caughtUp: Promise<void>;

  constructor(options: TopicTableOptions) {
    const { connection, topics, onDead } = options;
    this.#options = options;
    this.#group = tableGroup(connection.settings.prefix);
    this.caughtUp = new Promise((resolve) => {
      this.#resolveCaughtUp = resolve;
    });
    const handler: ConsumerHandler = {
      prepare: () => this.#prepare(),
      joined: () => this.#resume(),
      batch: (batch) => this.#take(batch),
      skipped: (topic, partition, offset) => this.#move(topic, partition, offset + 1),
      round: () => this.#passQuiet(),
    };
    const die = (problem: KafkaProblem) => {
      this.#isDead = true;
      onDead(problem);
    };
    this.#consumer = new SupervisedConsumer({
      connection,
      groupId: this.#group,
      topics,
      handler,
      onDead: die,
    });
  }

  start(): void {
    this.#consumer.start();
  }

  /** Why nothing can be read now, in one line; `null`: it can. */
  problem(): string | null {
    return this.#consumer.problem();
  }

  async close(deadlineMs: number): Promise<void> {
    const { connection } = this.#options;
    const endMs = connection.clock.monotonic() + deadlineMs;
    await this.#consumer.close(deadlineMs * (1 - GROUP_REMOVAL_SHARE));
    if (this.#isDead || connection.problem() !== null) return;
    // Best effort: a group that nobody is in goes by itself, later.
    const removal = connection.withAdmin((admin) => admin.deleteGroups([this.#group]));
    await settledWithin(removal, endMs - connection.clock.monotonic(), connection.clock);
  }

  /** Once: what is there now is what has to be handed over until it has caught up. */
  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    const { connection, topics } = this.#options;
    for (const topic of topics) {
      const ends = await connection.withAdmin((admin) => admin.fetchTopicOffsets(topic), { topic });
      for (const { partition, low, high } of ends) {
        const target = Number(high) > Number(low) ? Number(high) : null;
        const movedMs = connection.clock.monotonic();
        this.#places.set(placeId(topic, partition), { topic, partition, next: null, target, movedMs });
      }
    }
    this.#isPrepared = true;
    this.#checkCaughtUp();
  }

  /** Without commits, kafkajs would begin anew. */
  #resume(): void {
    for (const { topic, partition, next } of this.#places.values()) {
      if (next !== null) this.#consumer.seek(topic, partition, next);
    }
  }

  #take(batch: Batch): void {
    const { topic, partition, messages } = batch;
    const records = messages.map((message) => topicRecord(partition, message));
    try {
      this.#options.onRecords(topic, partition, records);
    } catch (err) {
      // To fail here would mean to read the same records again, for ever.
      this.#options.connection.logger.error({ err, topic, partition }, "records could not be taken");
    }
    this.#move(topic, partition, Number(batch.lastOffset()) + 1);
  }

  #move(topic: string, partition: number, next: number): void {
    const id = placeId(topic, partition);
    const movedMs = this.#options.connection.clock.monotonic();
    const place = this.#places.get(id);
    if (place === undefined) {
      // A partition that was added later.
      this.#places.set(id, { topic, partition, next, target: null, movedMs });
      return;
    }
    place.next = next;
    place.movedMs = movedMs;
    if (place.target !== null && next >= place.target) this.#reach([place]);
  }

  /** The last records before a target may be gone: nothing comes of them, and nothing says so. */
  #passQuiet(): void {
    const waiting = [...this.#places.values()].filter(({ target }) => target !== null);
    if (waiting.length > 0)
      this.#reach(waiting.filter(({ movedMs }) => this.#consumer.isQuietSince(movedMs)));
  }

  #reach(places: readonly Place[]): void {
    for (const place of places) place.target = null;
    if (places.length > 0) this.#checkCaughtUp();
  }

  #checkCaughtUp(): void {
    if ([...this.#places.values()].every(({ target }) => target === null)) this.#resolveCaughtUp();
  }
}

function placeId(topic: string, partition: number): string {
  return `${topic}|${partition}`;
}
