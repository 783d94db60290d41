import type { Cluster } from "ioredis";
import { ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";
import { command } from "../../test/support/redis.ts";
import type { TestCluster } from "../../test/support/redis-cluster.ts";

export interface Spread {
  readonly name: string;
  /** Increments that each primary ran. */
  readonly perNode: readonly number[];
  /** The primary farthest from an even share, as a share of that: 0.2 is 20% more or less. */
  readonly unevenness: number;
}

const BATCH = 100;

/** Where the increments of one hot counter run: of a plain key, and of shards. */
export async function counterSpread(
  servers: TestCluster,
  cluster: Cluster,
  increments: number,
): Promise<Spread[]> {
  const ways = [
    { name: "one key, INCR", increment: () => cluster.incr("bench:views") },
    ...[16, 32, 64].map((shards) => {
      const counter = new ShardedCounter(cluster, `bench:views:${shards}`, { shards });
      return { name: `ShardedCounter, ${shards} shards`, increment: () => counter.increment() };
    }),
  ];
  const spreads: Spread[] = [];
  for (const { name, increment } of ways) {
    await Promise.all(servers.nodes.map(({ port }) => command(port, ["CONFIG", "RESETSTAT"])));
    for (let done = 0; done < increments; done += BATCH)
      await Promise.all(Array.from({ length: BATCH }, () => increment()));
    const perNode = await Promise.all(servers.primaries.map(({ port }) => incrementsAt(port)));
    spreads.push({ name, perNode, unevenness: unevennessOf(perNode) });
  }
  return spreads;
}

async function incrementsAt(port: number): Promise<number> {
  const stats = String(await command(port, ["INFO", "commandstats"]));
  const calls = Array.from(stats.matchAll(/cmdstat_incr(?:by)?:calls=(\d+)/g), ([, count]) => Number(count));
  return calls.reduce((sum, count) => sum + count, 0);
}

function unevennessOf(perNode: readonly number[]): number {
  const even = perNode.reduce((sum, count) => sum + count, 0) / perNode.length;
  return Math.max(...perNode.map((count) => Math.abs(count - even) / even));
}
