/**
 * Where a bucket's panes go: buckets of a cluster lie on partitions in a row, from a place that its name decides.
 *
 * The default partitioner of Kafka clients would leave some partitions empty and others with several buckets.
 */
export function panesPartition(cluster: string, bucket: number, partitions: number): number {
  return (fnv1a(cluster) + bucket) % partitions;
}

/** Where all state of a cluster is, and its hot set: in the order in which its owners wrote it. */
export function statePartition(cluster: string, partitions: number): number {
  return fnv1a(cluster) % partitions;
}

/** Where the heat of a partition of the panes topic is told: the topics have as many partitions. */
export function heatPartition(panesPartition: number, partitions: number): number {
  return panesPartition % partitions;
}

/**
 * 32 bits of FNV-1a over the UTF-8 of `text`, as an unsigned number. It must stay as it is: agents and aggregators of
 * different versions have to agree on it.
 *
 * Source: Fowler, Noll, Vo, "The FNV Non-Cryptographic Hash Algorithm", draft-eastlake-fnv.
 */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, "utf8")) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
