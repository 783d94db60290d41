import type { Batch } from "kafkajs";
import { backoffMs } from "../../runtime/backoff.ts";
import { delay } from "../../runtime/clock.ts";
import type { KafkaConnection } from "./connection.ts";
import { settledWithin } from "./deadline.ts";
import { groupName } from "./names.ts";
import { findPlaces } from "./panes-places.ts";
import type { KafkaProblem } from "./problem.ts";
import { stickyAssigner } from "./sticky-assigner.ts";
import { SupervisedConsumer } from "./supervised-consumer.ts";
import { type TopicRecord, topicRecord } from "./topic-record.ts";

/** What an aggregator does with its partitions of the panes topic. None of it may throw. */
export interface PanesHandler {
  /** Records follow, from the commit on. `endOffset`: where the partition ends now. */
  assigned(partition: number, endOffset: number): void;
  /** Once an assignment: all up to its `endOffset` was handed over. */
  caughtUp(partition: number): void;
  /** No record of it follows until it is assigned again. */
  revoked(partition: number): void;
  records(partition: number, records: readonly TopicRecord[]): void;
  /** Asked every few seconds: where a new owner is to begin; `null`: nothing new since the last time. */
  commitOffset(partition: number): number | null;
}

export interface PanesGroupOptions {
  readonly connection: KafkaConnection;
  /** Where the group has committed nothing yet, records of that time on are read, ms since 1970. */
  readonly startAtMs: () => number;
  readonly handler: PanesHandler;
  /** Called once, when it cannot go on; nothing is read any more. */
  readonly onDead: (problem: KafkaProblem) => void;
}

/** A partition of ours. */
interface Owned {
  readonly partition: number;
  /** Offset of the next record, once it is known. */
  next: number | null;
  /** Whether a record was handed over. */
  hasRead: boolean;
  /** Where it ended when it was assigned; `null`: not known, or reached. */
  endOffset: number | null;
  /** When it last moved, by the monotonic clock. */
  movedMs: number;
  /** Resolves when `next` is known, or the partition is gone. */
  readonly located: Promise<void>;
  readonly locate: () => void;
}

/** What lies behind a commit is read again by a new owner: some seconds more are no matter beside the windows. */
const COMMIT_EVERY_MS = 3000;
const COMMIT_SHARE_OF_CLOSE = 0.3;
const LOCATE_RETRY = { firstMs: 100, maxMs: 1000 };

/**
 * The group of aggregators that shares the partitions of the panes topic, as one of them sees it.
 *
 * kafkajs reads every partition from its commit again after each rebalance. Here only new ones begin at their commit;
 * kept ones go on where they were, and lost ones are revoked before anything of the new assignment is handed over.
 */
export class PanesGroup {
  readonly #options: PanesGroupOptions;
  readonly #consumer: SupervisedConsumer;
  readonly #topic: string;
  readonly #group: string;
  readonly #owned = new Map<number, Owned>();
  /** What is to be committed still. */
  readonly #commits = new Map<number, number>();
  #committing: Promise<void> | null = null;
  #isClosed = false;
  #cancelCommit: () => void = () => {};

  constructor(options: PanesGroupOptions) {
    const { connection, onDead } = options;
    this.#options = options;
    this.#topic = connection.topics.panes;
    this.#group = groupName(connection.settings.prefix);
    this.#consumer = new SupervisedConsumer({
      connection,
      groupId: this.#group,
      topics: [this.#topic],
      assigner: stickyAssigner(() => this.partitions()),
      handler: {
        prepare: async () => {},
        joined: (partitions) => this.#join(partitions[this.#topic] ?? []),
        batch: (batch, isStale) => this.#take(batch, isStale),
        skipped: (_, partition, offset) => this.#move(this.#owned.get(partition), offset + 1),
        round: () => this.#passQuiet(),
      },
      onDead: (problem) => {
        this.#isClosed = true;
        this.#cancelCommit();
        onDead(problem);
      },
    });
  }

  /**
   * When the last heartbeat or join that was confirmed was *sent*, by the monotonic clock, in ms: what is owned may have
   * gone to others `kafka.sessionTimeout` after that.
   */
  get confirmedAt(): number {
    return this.#consumer.confirmedAt;
  }

  /** Ours now. */
  partitions(): readonly number[] {
    return [...this.#owned.keys()];
  }

  /** Why nothing can be read now, in one line; `null`: it can. */
  problem(): string | null {
    return this.#consumer.problem();
  }

  start(): void {
    this.#consumer.start();
    this.#commitLater();
  }

  /** Commits, and leaves the group: the others take over at once. Nothing is revoked: the caller closes all the same. */
  async close(deadlineMs: number): Promise<void> {
    const { clock } = this.#options.connection;
    const endMs = clock.monotonic() + deadlineMs;
    this.#isClosed = true;
    this.#cancelCommit();
    await settledWithin(this.#commitLast(), deadlineMs * COMMIT_SHARE_OF_CLOSE, clock);
    for (const owned of this.#owned.values()) owned.locate();
    await this.#consumer.close(endMs - clock.monotonic());
  }

  #join(partitions: readonly number[]): void {
    const kept = new Set(partitions);
    for (const owned of [...this.#owned.values()]) if (!kept.has(owned.partition)) this.#lose(owned);
    const fresh: Owned[] = [];
    for (const partition of partitions) {
      const next = this.#owned.get(partition)?.next ?? null;
      if (next === null) fresh.push(this.#gain(partition));
      else this.#consumer.seek(this.#topic, partition, next);
    }
    if (fresh.length > 0) void this.#locateAll(fresh);
  }

  #lose(owned: Owned): void {
    this.#owned.delete(owned.partition);
    this.#commits.delete(owned.partition);
    owned.locate();
    if (owned.next !== null) this.#options.handler.revoked(owned.partition);
  }

  #gain(partition: number): Owned {
    // One that was not located when the group rebalanced again: nobody was told of it.
    this.#owned.get(partition)?.locate();
    let locate: () => void = () => {};
    const located = new Promise<void>((resolve) => {
      locate = resolve;
    });
    const owned = { partition, next: null, hasRead: false, endOffset: null, movedMs: 0, located, locate };
    this.#owned.set(partition, owned);
    return owned;
  }

  /** Finds where to begin, and where the partitions end; tries until it has worked or all are gone again. */
  async #locateAll(fresh: readonly Owned[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const waiting = fresh.filter((owned) => this.#isOurs(owned) && owned.next === null);
      if (waiting.length === 0 || this.#isClosed) return;
      if (await this.#tryToLocate(waiting)) return;
      await delay(backoffMs(attempt, LOCATE_RETRY), this.#options.connection.clock);
    }
  }

  async #tryToLocate(waiting: readonly Owned[]): Promise<boolean> {
    const { connection, startAtMs } = this.#options;
    const partitions = waiting.map(({ partition }) => partition);
    try {
      const places = await findPlaces(connection, { group: this.#group, partitions, startAtMs });
      for (const owned of waiting) {
        const place = places.get(owned.partition);
        if (place && this.#isOurs(owned)) this.#begin(owned, place);
      }
      // A partition that was added just now may not be known to each broker.
      return partitions.every((partition) => places.has(partition));
    } catch (error) {
      const { message } = connection.problemOf(error, { topic: this.#topic, group: this.#group });
      connection.logger.debug({ reason: message }, "where to begin could not be found, trying again");
      return false;
    }
  }

  #isOurs(owned: Owned): boolean {
    return this.#owned.get(owned.partition) === owned;
  }

  #begin(owned: Owned, place: { start: number; end: number; isCommit: boolean }): void {
    owned.next = place.start;
    owned.endOffset = place.end;
    owned.movedMs = this.#options.connection.clock.monotonic();
    if (!place.isCommit) this.#consumer.seek(this.#topic, owned.partition, place.start);
    this.#options.handler.assigned(owned.partition, place.end);
    this.#checkCaughtUp(owned);
    owned.locate();
  }

  async #take(batch: Batch, isStale: () => boolean): Promise<void> {
    const { partition, messages } = batch;
    const owned = this.#owned.get(partition);
    if (owned === undefined) return;
    await owned.located;
    if (owned.next === null || !this.#isOurs(owned) || isStale()) return;
    const first = Number(batch.firstOffset());
    if (owned.hasRead && first < owned.next) this.#beginAnew(owned, Number(batch.highWatermark));
    const records = messages.map((message) => topicRecord(partition, message));
    // What was fetched before it was known where to begin.
    const early = owned.hasRead ? 0 : owned.next;
    this.#handOver(
      partition,
      records.filter(({ offset }) => offset >= early),
    );
    owned.hasRead = true;
    this.#move(owned, Number(batch.lastOffset()) + 1);
  }

  /** The topic was made anew: offsets begin again, and what is known of the old ones is of no use. */
  #beginAnew(owned: Owned, endOffset: number): void {
    const { connection, handler } = this.#options;
    connection.logger.warn(
      { partition: owned.partition },
      "the offsets of a partition went back, beginning anew",
    );
    this.#commits.delete(owned.partition);
    handler.revoked(owned.partition);
    owned.endOffset = endOffset;
    handler.assigned(owned.partition, endOffset);
  }

  #handOver(partition: number, records: readonly TopicRecord[]): void {
    if (records.length === 0) return;
    try {
      this.#options.handler.records(partition, records);
    } catch (err) {
      // To fail here would mean to read the same records again, for ever.
      this.#options.connection.logger.error({ err, partition }, "records could not be taken");
    }
  }

  #move(owned: Owned | undefined, next: number): void {
    if (owned === undefined || owned.next === null) return;
    owned.next = next;
    owned.movedMs = this.#options.connection.clock.monotonic();
    this.#checkCaughtUp(owned);
  }

  #checkCaughtUp(owned: Owned): void {
    if (owned.endOffset === null || owned.next === null || owned.next < owned.endOffset) return;
    owned.endOffset = null;
    this.#options.handler.caughtUp(owned.partition);
  }

  /** Retention may have taken the last records before the end: nothing comes of them, and nothing says so. */
  #passQuiet(): void {
    for (const owned of this.#owned.values()) {
      if (owned.endOffset === null || !this.#consumer.isQuietSince(owned.movedMs)) continue;
      owned.endOffset = null;
      this.#options.handler.caughtUp(owned.partition);
    }
  }

  #commitLater(): void {
    this.#cancelCommit = this.#options.connection.clock.after(COMMIT_EVERY_MS, () => {
      void this.#commitNow();
      if (!this.#isClosed) this.#commitLater();
    });
  }

  async #commitNow(): Promise<void> {
    for (const { partition, next } of this.#owned.values()) {
      const offset = next === null ? null : this.#options.handler.commitOffset(partition);
      if (offset !== null) this.#commits.set(partition, offset);
    }
    if (this.#committing !== null || this.#commits.size === 0) return;
    this.#committing = this.#commit(new Map(this.#commits));
    await this.#committing;
  }

  async #commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    if (await this.#consumer.commit(this.#topic, offsets)) {
      for (const [partition, offset] of offsets) {
        if (this.#commits.get(partition) === offset) this.#commits.delete(partition);
      }
    }
    this.#committing = null;
  }

  /** One that is under way does not have what was read meanwhile. */
  async #commitLast(): Promise<void> {
    await this.#committing;
    await this.#commitNow();
  }
}
