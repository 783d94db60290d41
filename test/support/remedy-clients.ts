import type { TestContext } from "node:test";
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { createClient, createCluster } from "redis";
import type { TestCluster } from "./redis-cluster.ts";

/** A client of the server at `port`; it ends with the test. */
export function ioredisAt(
  t: TestContext,
  port: number,
  options: Omit<RedisOptions, "replyMapping"> = {},
): Redis {
  const redis = new Redis(port, "127.0.0.1", options);
  redis.on("error", () => {});
  t.after(() => redis.disconnect());
  return redis;
}

export function ioredisOver(
  t: TestContext,
  { nodes }: TestCluster,
  options: Omit<ClusterOptions, "redisOptions"> = {},
): Cluster {
  const cluster = new Cluster(
    nodes.map(({ host, port }) => ({ host, port })),
    options,
  );
  cluster.on("error", () => {});
  t.after(() => cluster.disconnect());
  return cluster;
}

export async function nodeRedisAt(t: TestContext, port: number, options: { keyPrefix?: string } = {}) {
  const client = createClient({ socket: { host: "127.0.0.1", port }, ...options });
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

export async function nodeRedisOver(t: TestContext, { nodes }: TestCluster) {
  const cluster = createCluster({
    rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })),
  });
  cluster.on("error", () => {});
  await cluster.connect();
  t.after(() => cluster.destroy());
  return cluster;
}
