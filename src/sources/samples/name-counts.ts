/** Places for names beside a key: more than are published, so that the largest find theirs. */
const PLACES = 8;

/** Counts of the names that use a key most, as pairs of number and count. None counts more than there was. */
export type NameCounts = number[];

/** Counts `weight` under a name. Returns by how many places the list has grown. */
export function countName(counts: NameCounts, id: number, weight: number): number {
  let smallestAt = 0;
  for (let at = 0; at < counts.length; at += 2) {
    if (counts[at] === id) {
      counts[at + 1]! += weight;
      return 0;
    }
    if (counts[at + 1]! < counts[smallestAt + 1]!) smallestAt = at;
  }
  if (counts.length < 2 * PLACES) {
    counts.push(id, weight);
    return 1;
  }
  // The smallest gives way to a larger one; else it loses what came against it, so that in time it will.
  const smallest = counts[smallestAt + 1]!;
  if (weight > smallest) {
    counts[smallestAt] = id;
    counts[smallestAt + 1] = weight;
  } else counts[smallestAt + 1] = smallest - weight;
  return 0;
}

/** The largest counts first, at most `length`. */
export function largestOf(counts: NameCounts, length: number): (readonly [id: number, count: number])[] {
  const pairs: [number, number][] = [];
  for (let at = 0; at < counts.length; at += 2) {
    if (counts[at + 1]! > 0) pairs.push([counts[at]!, counts[at + 1]!]);
  }
  return pairs.sort(([, a], [, b]) => b - a).slice(0, length);
}
