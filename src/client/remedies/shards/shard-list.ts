import { PARTS_MAX } from "../part-names.ts";

/**
 * The shard counts that are in use: what was written by an older one may still lie where that one put it.
 *
 * Its text, which is recorded beside each shard, is `EPOCH:COUNTS`, such as `2:4,16`. A later list has a higher epoch, and
 * keys of its own. With `*` behind it, on shard 0 alone, the shards are being closed for earlier lists, and nobody works
 * by it yet.
 */
export interface ShardList {
  readonly epoch: number;
  /** Ascending; the last one is the newest, by which is written. */
  readonly counts: readonly number[];
  readonly isClosing: boolean;
  readonly text: string;
}

const TEXT = /^([1-9]\d{0,14}):([1-9]\d{0,3}(?:,[1-9]\d{0,3})*)(\*?)$/;

export function shardList(epoch: number, counts: Iterable<number>, isClosing = false): ShardList {
  const ascending = [...new Set(counts)].sort((a, b) => a - b);
  const text = `${epoch}:${ascending.join(",")}${isClosing ? "*" : ""}`;
  return { epoch, counts: ascending, isClosing, text };
}

export function isShardList(text: string): boolean {
  return TEXT.test(text);
}

/** Throws: Error where `text` is no list. */
export function parseShardList(text: string): ShardList {
  const [, epoch, counts = "", closing] = TEXT.exec(text) ?? [];
  const numbers = counts.split(",").map(Number);
  if (epoch === undefined || numbers.some((count) => count > PARTS_MAX)) {
    throw new Error(
      `the record of shard counts says ${JSON.stringify(text.slice(0, 100))}: something else wrote to its key`,
    );
  }
  return shardList(Number(epoch), numbers, closing === "*");
}

export function newestCount({ counts }: ShardList): number {
  return counts.at(-1)!;
}

/** Whether `heard` holds what `recorded` does not know: then the record was lost, at least in part. */
export function isBeyond(heard: ShardList, recorded: ShardList): boolean {
  if (heard.epoch !== recorded.epoch) return heard.epoch > recorded.epoch;
  return heard.counts.join() !== recorded.counts.join();
}

/** The same list, when all shards are closed for earlier ones. */
export function closed({ epoch, counts }: ShardList): ShardList {
  return shardList(epoch, counts);
}

/** What follows the list when nothing is left where its older counts put it. */
export function withoutOlder(list: ShardList): ShardList {
  return shardList(list.epoch + 1, [newestCount(list)], true);
}

/**
 * What has to be recorded next, `null`: nothing.
 *
 * `recorded` is what shard 0 says, `heard` what another shard said, `wanted` the count that the caller is made with, `lost`
 * a list of which a shard has lost its part.
 */
export function nextList(
  recorded: ShardList | null,
  heard: ShardList | null,
  wanted: number,
  lost: ShardList | null = null,
): ShardList | null {
  const news = [heard, lost].filter((list) => list !== null);
  const known = news.filter((list) => recorded === null || isBeyond(list, recorded));
  const isLost = known.length > 0 || (lost !== null && lost.text === recorded?.text);
  const isGrowth = recorded === null || newestCount(recorded) < wanted;
  if (!isLost && !isGrowth) return null;
  if (recorded !== null) known.push(recorded);
  const epoch = Math.max(0, ...known.map((list) => list.epoch)) + 1;
  const counts = known.flatMap((list) => list.counts);
  return shardList(epoch, counts.some((count) => count >= wanted) ? counts : [...counts, wanted], true);
}

/** The later one; of two that contradict each other, the first. */
export function laterOf(one: ShardList | null, other: ShardList | null): ShardList | null {
  if (one === null || other === null) return one ?? other;
  return other.epoch > one.epoch ? other : one;
}
