import type { KafkaConnection } from "./connection.ts";

/** Where reading a partition begins. */
export interface PanesPlace {
  readonly start: number;
  /** The end of the partition now. */
  readonly end: number;
  /** The group has committed just this offset, so Kafka's own choice is right. */
  readonly isCommit: boolean;
}

export interface PlaceQuestion {
  readonly group: string;
  readonly partitions: readonly number[];
  readonly startAtMs: () => number;
}

/** What kafkajs says where a group has committed nothing. */
const NO_COMMIT = -1;

/**
 * Where to begin: at the group's commit; without one, at the first record of `startAtMs`; where the commit is out of the
 * log (retention passed it, or the topic was made anew), at the oldest record.
 *
 * Throws: KafkaError.
 */
export async function findPlaces(
  connection: KafkaConnection,
  { group, partitions, startAtMs }: PlaceQuestion,
): Promise<Map<number, PanesPlace>> {
  const topic = connection.topics.panes;
  return await connection.withAdmin(
    async (admin) => {
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      const commits = offsetsOf(committed?.partitions ?? []);
      const ranges = await admin.fetchTopicOffsets(topic);
      const isNew = partitions.some((partition) => (commits.get(partition) ?? NO_COMMIT) === NO_COMMIT);
      const starts = offsetsOf(isNew ? await admin.fetchTopicOffsetsByTimestamp(topic, startAtMs()) : []);
      return new Map(
        ranges.map(({ partition, low, high }) => {
          const range = { low: Number(low), high: Number(high) };
          return [partition, placeOf(commits.get(partition) ?? NO_COMMIT, starts.get(partition), range)];
        }),
      );
    },
    { topic, group },
  );
}

function offsetsOf(partitions: readonly { readonly partition: number; readonly offset: string }[]) {
  return new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}

function placeOf(
  commit: number,
  byTime: number | undefined,
  { low, high }: { readonly low: number; readonly high: number },
): PanesPlace {
  if (commit >= low && commit <= high) return { start: commit, end: high, isCommit: true };
  const start = commit === NO_COMMIT ? Math.max(low, byTime ?? low) : low;
  return { start, end: high, isCommit: false };
}
