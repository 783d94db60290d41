/** Places for names beside a key: more than are published, so that the largest find theirs. */
const PLACES = 8;

/** Counts of the names that use a key most, as pairs of number and count. None counts more than there was. */
export type NameCounts = number[];

/** The counts with `weight` more under a name: the same list where it has a place, else a new one. */
export function withName(counts: NameCounts | null, id: number, weight: number): NameCounts {
  if (counts === null) return [id, weight];
  let smallestAt = 0;
  for (let at = 0; at < counts.length; at += 2) {
    if (counts[at] === id) {
      counts[at + 1]! += weight;
      return counts;
    }
    if (counts[at + 1]! < counts[smallestAt + 1]!) smallestAt = at;
  }
  // Lists are as long as they must be: one that has grown by itself holds room for 17.
  if (counts.length < 2 * PLACES) return counts.concat(id, weight);
  // The smallest gives way to a larger one; else it loses what came against it, so that in time it will.
  const smallest = counts[smallestAt + 1]!;
  if (weight > smallest) {
    counts[smallestAt] = id;
    counts[smallestAt + 1] = weight;
  } else counts[smallestAt + 1] = smallest - weight;
  return counts;
}

/** The largest counts first, at most `length`. */
export function largestOf(
  counts: NameCounts | null,
  length: number,
): (readonly [id: number, count: number])[] {
  if (counts === null) return [];
  const pairs: [number, number][] = [];
  for (let at = 0; at < counts.length; at += 2) {
    if (counts[at + 1]! > 0) pairs.push([counts[at]!, counts[at + 1]!]);
  }
  return pairs.sort(([, a], [, b]) => b - a).slice(0, length);
}
