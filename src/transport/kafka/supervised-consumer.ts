import type { Batch, Consumer, EachBatchPayload, PartitionAssigner } from "kafkajs";
import { backoffMs } from "../../runtime/backoff.ts";
import { FETCH_WAIT_MS, type KafkaConnection } from "./connection.ts";
import { settledWithin } from "./deadline.ts";
import type { KafkaProblem } from "./problem.ts";
import { QuietRounds } from "./quiet-rounds.ts";

/** What a reader does with what its consumer meets. */
export interface ConsumerHandler {
  /** Runs before each start of the consumer; what it throws counts as a crash. */
  prepare(): Promise<void>;
  /** The partitions now, by topic. Called before anything is fetched from them: `seek` says where that begins. */
  joined(partitions: Readonly<Record<string, readonly number[]>>): void;
  /** Waits with it as long as it likes. `isStale`: a seek came meanwhile, or the partition is gone. Must not throw. */
  batch(batch: Batch, isStale: () => boolean): Promise<void> | void;
  /** All up to `offset` is filtered out. */
  skipped(topic: string, partition: number, offset: number): void;
  /** A round of fetches ended. */
  round(): void;
}

export interface SupervisedConsumerOptions {
  readonly connection: KafkaConnection;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly assigner?: PartitionAssigner;
  readonly handler: ConsumerHandler;
  /** Called once, when no further try will help. */
  readonly onDead: (problem: KafkaProblem) => void;
}

/** Crashes in a row, for reasons that do not go away by themselves, after which it is given up. */
const FATAL_CRASHES_MAX = 5;
/** After so long without a crash it counts as healthy. */
const HEALTHY_MS = 30_000;
const REBUILD = { firstMs: 200, maxMs: 2000 };

/**
 * A consumer of kafkajs that is built anew whenever it crashes: kafkajs restarts some crashes by itself, others not, and
 * its `run` resolves whether it joined or not.
 */
export class SupervisedConsumer {
  readonly #options: SupervisedConsumerOptions;
  readonly #quiet = new QuietRounds(FETCH_WAIT_MS);
  #consumer: Consumer | null = null;
  #commit: EachBatchPayload["commitOffsetsIfNecessary"] | null = null;
  #problem: KafkaProblem | null = null;
  #crashes = 0;
  #builtAtMs = 0;
  #isClosed = false;
  #cancelRebuild: () => void = () => {};
  #membershipAskedMs = Number.NEGATIVE_INFINITY;
  #confirmedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SupervisedConsumerOptions) {
    this.#options = options;
  }

  /**
   * When the last heartbeat or join that the brokers confirmed was *sent*, by the monotonic clock, in ms: the session may
   * have lapsed `sessionTimeout` after that.
   */
  get confirmedAt(): number {
    return this.#confirmedAt;
  }

  /** Why nothing can be read now, in one line; `null`: it can. */
  problem(): string | null {
    return this.#problem?.message ?? this.#options.connection.problem() ?? this.#silence();
  }

  /** A broker that hangs is an error to kafkajs only after three requests of 10 s each. */
  #silence(): string | null {
    const { clock, settings } = this.#options.connection;
    const silentMs = clock.monotonic() - this.#confirmedAt;
    // Infinite: it has not joined yet, which is not Kafka's silence.
    if (!Number.isFinite(silentMs) || silentMs <= settings.sessionTimeout) return null;
    return `Kafka at ${settings.brokers.join(", ")} has confirmed no heartbeat for longer than kafka.sessionTimeout: it hangs, or the way to it, or a rebalance takes long`;
  }

  start(): void {
    void this.#run();
  }

  /** From the next fetch on, a partition is read from `offset`. */
  seek(topic: string, partition: number, offset: number): void {
    this.#consumer?.seek({ topic, partition, offset: String(offset) });
  }

  /** Nothing more is fetched of a partition, until `resume` or until the consumer is built anew. */
  pause(topic: string, partition: number): void {
    this.#consumer?.pause([{ topic, partitions: [partition] }]);
  }

  resume(topic: string, partition: number): void {
    this.#consumer?.resume([{ topic, partitions: [partition] }]);
  }

  /** Whether whatever had nothing to give since `sinceMs` has nothing, as of now. */
  isQuietSince(sinceMs: number): boolean {
    return this.#quiet.areQuietSince(sinceMs);
  }

  /** Whether the group has it. It may refuse for being in a rebalance: try again later. */
  async commit(topic: string, offsets: ReadonlyMap<number, number>): Promise<boolean> {
    if (this.#commit === null || this.#isClosed) return false;
    const partitions = Array.from(offsets, ([partition, offset]) => ({ partition, offset: String(offset) }));
    try {
      await this.#commit({ topics: [{ topic, partitions }] });
      return true;
    } catch (err) {
      const { message } = this.#options.connection.problemOf(err, { topic, group: this.#options.groupId });
      this.#options.connection.logger.debug({ reason: message }, "offsets could not be committed");
      return false;
    }
  }

  /** Leaves the group; what hangs after `deadlineMs` is left alone. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    this.#cancelRebuild();
    const consumer = this.#consumer;
    this.#consumer = null;
    if (consumer) await settledWithin(consumer.disconnect(), deadlineMs, this.#options.connection.clock);
  }

  async #run(): Promise<void> {
    const { connection, groupId, topics, assigner, handler } = this.#options;
    const consumer = connection.consumer({
      groupId,
      ...(assigner === undefined ? {} : { partitionAssigners: [assigner] }),
    });
    this.#consumer = consumer;
    this.#commit = null;
    this.#builtAtMs = connection.clock.monotonic();
    this.#listen(consumer);
    try {
      await handler.prepare();
      if (this.#consumer !== consumer) return;
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      if (this.#consumer !== consumer) return;
      await consumer.run({
        autoCommit: false,
        eachBatch: async (payload) => await this.#handle(consumer, payload),
      });
    } catch (error) {
      this.#crashed(consumer, error);
    }
  }

  async #handle(
    consumer: Consumer,
    { batch, isStale, commitOffsetsIfNecessary }: EachBatchPayload,
  ): Promise<void> {
    if (this.#consumer !== consumer) return;
    this.#commit = commitOffsetsIfNecessary;
    this.#quiet.received(batch.messages.reduce((sum, { value }) => sum + 1 + (value?.length ?? 0), 0));
    if (isStale()) return;
    await this.#options.handler.batch(batch, () => isStale() || this.#consumer !== consumer);
  }

  #listen(consumer: Consumer): void {
    const { handler, connection } = this.#options;
    const { events } = consumer;
    const { clock } = connection;
    consumer.on(events.REQUEST, ({ payload: { apiName, duration } }) => {
      const isMembership = apiName === "Heartbeat" || apiName === "SyncGroup";
      if (isMembership) this.#membershipAskedMs = clock.monotonic() - Math.max(0, duration);
    });
    consumer.on(events.HEARTBEAT, () => {
      this.#confirmedAt = this.#membershipAskedMs;
    });
    consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      if (this.#consumer !== consumer) return;
      this.#confirmedAt = this.#membershipAskedMs;
      this.#quiet.clear();
      handler.joined(memberAssignment);
    });
    consumer.on(events.FETCH_START, ({ payload: { nodeId } }) => {
      if (this.#consumer !== consumer) return;
      this.#quiet.fetchStarted(nodeId, clock.monotonic());
      handler.round();
    });
    consumer.on(events.FETCH, ({ payload: { nodeId, duration } }) => {
      if (this.#consumer !== consumer) return;
      this.#quiet.fetched(nodeId, duration);
      // Not before: a group may be joined by those who may not read the topic.
      this.#recovered();
    });
    consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, batchSize, lastOffset } = payload;
      if (this.#consumer === consumer && batchSize === 0)
        handler.skipped(topic, partition, Number(lastOffset));
    });
    consumer.on(events.CRASH, ({ payload: { error } }) => this.#crashed(consumer, error));
  }

  #recovered(): void {
    if (this.#problem !== null) this.#options.connection.logger.info("kafka is read again");
    this.#problem = null;
  }

  #crashed(consumer: Consumer, error: unknown): void {
    if (this.#consumer !== consumer || this.#isClosed) return;
    this.#consumer = null;
    consumer.disconnect().catch(() => {});
    const { connection, groupId, topics, onDead } = this.#options;
    const problem = connection.problemOf(error, { topic: topics.join(", "), group: groupId });
    const before = this.#problem;
    this.#problem = problem;
    const isHealthy = connection.clock.monotonic() - this.#builtAtMs > HEALTHY_MS;
    this.#crashes = isHealthy ? 1 : this.#crashes + 1;
    if (!problem.retryable && this.#crashes > FATAL_CRASHES_MAX) {
      this.#isClosed = true;
      onDead(problem);
      return;
    }
    // A broker that has just started passes through this.
    if (before?.code !== problem.code && problem.code !== "STARTING") {
      connection.logger.warn({ reason: problem.message }, "reading from kafka failed, trying again");
    }
    const delayMs = backoffMs(this.#crashes - 1, REBUILD);
    this.#cancelRebuild = connection.clock.after(delayMs, () => void this.#run());
  }
}
