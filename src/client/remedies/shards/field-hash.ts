import { crc32 } from "node:zlib";
import type { Bytes } from "../commands.ts";

/** Source: the linear congruential generator of the paper below. */
const MULTIPLIER = 2_862_933_555_777_941_757n;
const TOP_BITS = 33n;
const TWO_TO_31 = 2 ** 31;

/**
 * The shard, in [0, count), of a field or member: CRC-32 (ISO 3309, as in zlib) of its bytes, placed by jump consistent
 * hash. The same from every version.
 *
 * Where the count grows, a field stays, or goes to a shard that is new. It never comes back to one where it was before:
 * so a copy in an older shard is always the older copy.
 *
 * Source: Lamping, Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014. Cost: O(log count).
 */
export function shardOf(field: Bytes, count: number): number {
  if (count === 1) return 0;
  let key = BigInt(crc32(field));
  let shard = 0;
  for (let next = 0; next < count; ) {
    shard = next;
    key = BigInt.asUintN(64, key * MULTIPLIER + 1n);
    next = Math.floor((shard + 1) * (TWO_TO_31 / (Number(key >> TOP_BITS) + 1)));
  }
  return shard;
}

/** Where a field may lie: its shard by each of `counts` (ascending), from the newest to the oldest, each once. */
export function placesOf(field: Bytes, counts: readonly number[]): [newest: number, ...older: number[]] {
  const places = new Set<number>();
  for (let at = counts.length - 1; at >= 0; at--) places.add(shardOf(field, counts[at]!));
  const [newest = 0, ...older] = places;
  return [newest, ...older];
}
