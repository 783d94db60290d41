import type { Batch } from "kafkajs";
import { Pause } from "../../runtime/pause.ts";
import type { KafkaConnection } from "./connection.ts";
import { settledWithin } from "./deadline.ts";
import { tableGroup } from "./names.ts";
import { PanesMerge, type PastRecord } from "./panes-merge.ts";
import { KafkaError, type KafkaProblem } from "./problem.ts";
import { SupervisedConsumer } from "./supervised-consumer.ts";
import { topicRecord } from "./topic-record.ts";

export interface PanesRangeOptions {
  readonly connection: KafkaConnection;
  /** ms since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** One partition of the range. */
interface Place {
  readonly partition: number;
  readonly start: number;
  /** Offset behind the last record of the range. */
  readonly end: number;
  /** Whether it begins with the oldest record that there is. */
  readonly isOldest: boolean;
  /** Whether there are older ones. */
  readonly hasOlder: boolean;
  /** Whether there were older ones once. */
  readonly hasLost: boolean;
  next: number;
  firstMs: number | null;
  /** When it last moved, by the monotonic clock. */
  movedMs: number;
  isPaused: boolean;
  isOver: boolean;
}

/** From when on the topic has what was asked for. */
export interface RangeStart {
  /** The oldest record that was met, ms since 1970; `null`: the topic has older ones than were asked for. */
  readonly oldestMs: number | null;
  /** Until when records of some partition were deleted already; `null`: none were. */
  readonly lostUntilMs: number | null;
}

const QUEUE_BYTES_MAX = 4 * 2 ** 20;
const QUEUE_BYTES_MIN = 2 ** 20;
const RECORDS_AT_ONCE = 1000;
/** After so long without anything it is given up. */
const SILENT_MS_MAX = 60_000;
const WAKE_MS = 1000;
const GROUP_REMOVAL_MS = 2000;

/**
 * Reads the panes topic between two times, all partitions as one stream. The aggregators do not notice: it has a group of
 * its own, which it removes at the end.
 */
export class PanesRange {
  readonly #connection: KafkaConnection;
  readonly #topic: string;
  readonly #group: string;
  readonly #places: ReadonlyMap<number, Place>;
  readonly #merge: PanesMerge;
  readonly #consumer: SupervisedConsumer;
  readonly #change: Pause;
  readonly #offsets: number;
  #problem: KafkaProblem | null = null;
  #changedMs: number;

  private constructor(connection: KafkaConnection, places: readonly Place[]) {
    this.#connection = connection;
    this.#topic = connection.topics.panes;
    this.#group = tableGroup(connection.settings.prefix);
    this.#places = new Map(places.map((place) => [place.partition, place]));
    this.#merge = new PanesMerge([...this.#places.keys()]);
    this.#change = new Pause(connection.clock);
    this.#changedMs = connection.clock.monotonic();
    this.#offsets = places.reduce((sum, { start, end }) => sum + end - start, 0);
    this.#consumer = new SupervisedConsumer({
      connection,
      groupId: this.#group,
      topics: [this.#topic],
      handler: {
        prepare: async () => {},
        joined: () => this.#joined(),
        batch: (batch) => this.#take(batch),
        skipped: (_, partition, offset) => this.#move(partition, offset + 1),
        round: () => this.#passQuiet(),
      },
      onDead: (problem) => {
        this.#problem = problem;
        this.#changed();
      },
    });
  }

  /** Throws: KafkaError. */
  static async open({ connection, fromMs, toMs }: PanesRangeOptions): Promise<PanesRange> {
    const topic = connection.topics.panes;
    const nowMs = connection.clock.monotonic();
    const places = await connection.withAdmin(
      async (admin) => {
        const ranges = await admin.fetchTopicOffsets(topic);
        const starts = offsetsOf(await admin.fetchTopicOffsetsByTimestamp(topic, fromMs));
        const ends = offsetsOf(await admin.fetchTopicOffsetsByTimestamp(topic, toMs));
        return ranges.map(({ partition, low, high }) => {
          const start = Math.max(Number(low), starts.get(partition) ?? Number(high));
          const end = Math.max(start, Math.min(Number(high), ends.get(partition) ?? Number(high)));
          return placeOf(partition, { low: Number(low), start, end }, nowMs);
        });
      },
      { topic, operation: "read" },
    );
    return new PanesRange(connection, places);
  }

  /** How much has been read, 0 to 1. */
  get progress(): number {
    if (this.#offsets === 0) return 1;
    let left = 0;
    for (const { next, end } of this.#places.values()) left += Math.max(0, end - next);
    return 1 - left / this.#offsets;
  }

  /** Known when records have come of each partition. */
  get start(): RangeStart {
    const oldest = [...this.#places.values()].filter(({ isOldest, firstMs }) => isOldest && firstMs !== null);
    const lost = oldest.filter(({ hasLost }) => hasLost);
    const hasOlder = [...this.#places.values()].some(({ hasOlder }) => hasOlder);
    const timesMs = oldest.flatMap(({ firstMs }) => firstMs ?? []);
    return {
      oldestMs: hasOlder || timesMs.length === 0 ? null : Math.min(...timesMs),
      lostUntilMs: lost.length === 0 ? null : Math.max(...lost.flatMap(({ firstMs }) => firstMs ?? [])),
    };
  }

  /** The records in the order of their time. Throws: KafkaError where Kafka refuses, or is silent for a minute. */
  async *records(signal: AbortSignal): AsyncGenerator<readonly PastRecord[]> {
    for (const place of this.#places.values()) this.#endIfOver(place);
    if (!this.#merge.isOver) this.#consumer.start();
    while (!this.#merge.isOver && !signal.aborted) {
      const records = this.#merge.take(RECORDS_AT_ONCE);
      this.#resumeDrained();
      if (records.length > 0) {
        this.#changedMs = this.#connection.clock.monotonic();
        yield records;
        continue;
      }
      this.#throwIfHopeless();
      await this.#change.upTo(WAKE_MS);
    }
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#consumer.close(deadlineMs);
    if (this.#problem !== null || this.#connection.problem() !== null) return;
    // Best effort: a group that nobody is in goes by itself, later.
    const removal = this.#connection.withAdmin((admin) => admin.deleteGroups([this.#group]));
    await settledWithin(removal, GROUP_REMOVAL_MS, this.#connection.clock);
  }

  /** Without commits, kafkajs would begin anew, or with all of it. */
  #joined(): void {
    for (const { partition, next, isPaused, isOver } of this.#places.values()) {
      this.#consumer.seek(this.#topic, partition, next);
      if (isPaused || isOver) this.#consumer.pause(this.#topic, partition);
    }
  }

  #take(batch: Batch): void {
    const place = this.#places.get(batch.partition);
    if (place === undefined || place.isOver) return;
    const records = batch.messages
      .map((message) => topicRecord(batch.partition, message))
      .filter(({ offset }) => offset >= place.next && offset < place.end);
    place.firstMs ??= records[0]?.timestampMs ?? null;
    this.#merge.put(place.partition, records);
    if (this.#merge.bytes(place.partition) > QUEUE_BYTES_MAX) {
      place.isPaused = true;
      this.#consumer.pause(this.#topic, place.partition);
    }
    this.#move(place.partition, Number(batch.lastOffset()) + 1);
  }

  #move(partition: number, next: number): void {
    const place = this.#places.get(partition);
    // What was fetched before it was sought may be of anywhere.
    if (place === undefined || next <= place.next) return;
    place.next = next;
    place.movedMs = this.#connection.clock.monotonic();
    this.#endIfOver(place);
    this.#changed();
  }

  #endIfOver(place: Place): void {
    if (place.isOver || place.next < place.end) return;
    place.isOver = true;
    this.#merge.end(place.partition);
    this.#consumer.pause(this.#topic, place.partition);
  }

  /** Retention may have taken the last records of the range: nothing comes of them, and nothing says so. */
  #passQuiet(): void {
    for (const place of this.#places.values()) {
      if (place.isOver || place.isPaused || !this.#consumer.isQuietSince(place.movedMs)) continue;
      place.next = place.end;
      this.#endIfOver(place);
      this.#changed();
    }
  }

  #resumeDrained(): void {
    for (const place of this.#places.values()) {
      if (!place.isPaused || place.isOver || this.#merge.bytes(place.partition) > QUEUE_BYTES_MIN) continue;
      place.isPaused = false;
      place.movedMs = this.#connection.clock.monotonic();
      this.#consumer.resume(this.#topic, place.partition);
    }
  }

  #changed(): void {
    this.#changedMs = this.#connection.clock.monotonic();
    this.#change.end();
  }

  #throwIfHopeless(): void {
    if (this.#problem !== null) throw new KafkaError(this.#problem);
    const { clock, settings } = this.#connection;
    if (clock.monotonic() - this.#changedMs <= SILENT_MS_MAX) return;
    const message =
      this.#consumer.problem() ?? `Kafka at ${settings.brokers.join(", ")} has given nothing for a minute`;
    throw new KafkaError({ code: "FAILED", message, retryable: true });
  }
}

function placeOf(
  partition: number,
  { low, start, end }: { readonly low: number; readonly start: number; readonly end: number },
  nowMs: number,
): Place {
  const progress = { next: start, firstMs: null, movedMs: nowMs, isPaused: false, isOver: false };
  return {
    partition,
    start,
    end,
    isOldest: start === low && end > start,
    hasOlder: start > low,
    hasLost: low > 0,
    ...progress,
  };
}

function offsetsOf(partitions: readonly { readonly partition: number; readonly offset: string }[]) {
  return new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}
