import type { TopicRecord } from "./topic-record.ts";

/** A record of the panes topic, and when it arrived as far as the topic tells. */
export interface PastRecord {
  /** ms since 1970; never before that of the record that precedes it in its partition. */
  readonly atMs: number;
  readonly record: TopicRecord;
}

/** A record that is further ahead of those behind it was stamped by a wrong clock. */
const SKEW_MS_MAX = 10_000;

interface Lane {
  readonly queue: PastRecord[];
  /** Where the queue begins. */
  first: number;
  bytes: number;
  lastMs: number;
  isOver: boolean;
}

/** Brings the records of several partitions into the order of their time; each partition's own order stays. */
export class PanesMerge {
  readonly #lanes: ReadonlyMap<number, Lane>;

  constructor(partitions: readonly number[]) {
    this.#lanes = new Map(
      partitions.map((partition) => [
        partition,
        { queue: [], first: 0, bytes: 0, lastMs: 0, isOver: false } satisfies Lane,
      ]),
    );
  }

  /** Takes the next records of a partition. */
  put(partition: number, records: readonly TopicRecord[]): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    const timesMs = timesOf(records);
    for (const [index, record] of records.entries()) {
      // Agents stamp records by their own clocks, and the log has them in the order of arrival.
      lane.lastMs = Math.max(lane.lastMs, timesMs[index] ?? 0);
      lane.queue.push({ atMs: lane.lastMs, record });
      lane.bytes += bytesOf(record);
    }
  }

  /** Nothing more comes of a partition. */
  end(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane !== undefined) lane.isOver = true;
  }

  /** What waits of a partition. */
  bytes(partition: number): number {
    return this.#lanes.get(partition)?.bytes ?? 0;
  }

  /** Whether all has been given out. */
  get isOver(): boolean {
    return [...this.#lanes.values()].every(({ isOver, queue, first }) => isOver && first === queue.length);
  }

  /** The next records, at most `max`; none while a partition that is not over has nothing to compare with. */
  take(max: number): PastRecord[] {
    const taken: PastRecord[] = [];
    while (taken.length < max) {
      const next = this.#next();
      if (next === null) break;
      taken.push(next);
    }
    return taken;
  }

  #next(): PastRecord | null {
    let earliest: Lane | null = null;
    for (const lane of this.#lanes.values()) {
      const head = lane.queue[lane.first];
      if (head === undefined && !lane.isOver) return null;
      if (head === undefined) continue;
      const best = earliest?.queue[earliest.first];
      if (best === undefined || head.atMs < best.atMs) earliest = lane;
    }
    return earliest === null ? null : shift(earliest);
  }
}

const COMPACT_AT = 1024;

function shift(lane: Lane): PastRecord | null {
  const head = lane.queue[lane.first++];
  if (lane.first >= COMPACT_AT && lane.first * 2 >= lane.queue.length) {
    lane.queue.splice(0, lane.first);
    lane.first = 0;
  }
  if (head !== undefined) lane.bytes -= bytesOf(head.record);
  return head ?? null;
}

/** The time of each record; of one with a wrong clock that of the earliest behind it. */
function timesOf(records: readonly TopicRecord[]): number[] {
  const timesMs: number[] = new Array(records.length).fill(0);
  let earliestMs = Number.POSITIVE_INFINITY;
  for (let index = records.length - 1; index >= 0; index--) {
    const ownMs = records[index]?.timestampMs ?? 0;
    timesMs[index] = ownMs > earliestMs + SKEW_MS_MAX ? earliestMs : ownMs;
    earliestMs = Math.min(earliestMs, ownMs);
  }
  return timesMs;
}

function bytesOf({ value }: TopicRecord): number {
  return 64 + (value?.length ?? 0);
}
