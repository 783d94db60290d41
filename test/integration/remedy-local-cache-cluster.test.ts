import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Cluster } from "ioredis";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import type { LocalCacheOptions } from "../../src/client/remedies/local-cache-options.ts";
import { slotOf } from "../../src/model/slot.ts";
import { command, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisOver, nodeRedisOver } from "../support/remedy-clients.ts";

/** Longer than any test: what is new has come by tracking. */
const LONG_MS = 600_000;
const MODES = ["default", "broadcast"] as const;

function cacheOver(t: TestContext, cluster: Cluster, options: LocalCacheOptions): LocalCache {
  const cache = new LocalCache(cluster, { ttlMs: LONG_MS, hotThreshold: 1, ...options });
  t.after(() => cache.close());
  return cache;
}

/** Until a read of it is a hit: tracking that has just begun may forget it once more. */
async function keep(cache: LocalCache, key: string): Promise<void> {
  await waitFor(`${key} to be kept`, async () => {
    const { hits } = cache.stats;
    await cache.get(key);
    return cache.stats.hits > hits;
  });
}

async function isTracked(cache: LocalCache): Promise<void> {
  await waitFor("tracking", () => cache.stats.tracking === "on");
}

/** A write at `port` is seen by a cache that would keep the old value for long. */
async function seesWrites(cache: LocalCache, key: string, port: number): Promise<void> {
  await keep(cache, key);
  for (const value of ["seen", "seen too"]) {
    await command(port, ["SET", key, value]);
    await waitFor(`the write of ${key}`, async () => (await cache.get(key)) === value);
    await keep(cache, key);
  }
}

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());
  const keysOfAll = Array.from({ length: 12 }, (_, index) => `key:${index}`);

  for (const mode of MODES) {
    test(`${mode}: each primary tells of writes of its keys`, async (t) => {
      const cluster = ioredisOver(t, servers, { keyPrefix: "app:" });
      const cache = cacheOver(t, cluster, { tracking: { mode } });
      await isTracked(cache);
      const owners = new Set(keysOfAll.map((key) => servers.primaryOf(`app:${key}`)));
      assert.equal(owners.size, 3);
      for (const key of keysOfAll) {
        const { port } = servers.primaryOf(`app:${key}`);
        await keep(cache, key);
        await command(port, ["SET", `app:${key}`, mode]);
        await waitFor("the write", async () => (await cache.get(key)) === mode);
      }
    });

    test(`${mode}: a slot that moves takes its keys' tracking along`, async (t) => {
      const key = `moving:${mode}`;
      const from = servers.primaryOf(key);
      const to = servers.primaries.find((node) => node !== from)!;
      const cache = cacheOver(t, ioredisOver(t, servers), { tracking: { mode } });
      await isTracked(cache);
      await cache.set(key, "before");
      await seesWrites(cache, key, from.port);
      const move = await servers.beginMove(slotOf(Buffer.from(key)), to);
      await move.finish();
      await command(to.port, ["SET", key, "moved"]);
      await waitFor("the write", async () => (await cache.get(key)) === "moved");
      await seesWrites(cache, key, to.port);
    });
  }

  test("node-redis without tracking", async (t) => {
    const cache = new LocalCache(await nodeRedisOver(t, servers), { hotThreshold: 1 });
    await cache.set("{a}:node", "1");
    assert.equal(await cache.get("{a}:node"), "1");
    await keep(cache, "{a}:node");
  });
});

/** Kills the primary of the key, and makes its replica take over. Returns that. */
async function failOver(servers: TestCluster, key: string): Promise<ClusterNode> {
  const primary = servers.primaryOf(key);
  const replica = servers.replicas.find(({ slots }) => slots[0]?.[0] === primary.slots[0]?.[0])!;
  primary.server.process.kill("SIGKILL");
  await waitFor("the replica to miss its primary", async () =>
    String(await command(replica.port, ["INFO", "replication"])).includes("master_link_status:down"),
  );
  await command(replica.port, ["CLUSTER", "FAILOVER", "TAKEOVER"]);
  await waitFor("the replica to be a primary", async () =>
    String(await command(replica.port, ["INFO", "replication"])).includes("role:master"),
  );
  return replica;
}

for (const mode of MODES) {
  test(`${mode}: after a failover nothing is too old, and writes at the new primary are told of`, async (t) => {
    const servers = await startRedisCluster(t);
    const key = "failing";
    const cluster = ioredisOver(t, servers);
    const ttlMs = 1000;
    const short = cacheOver(t, cluster, { ttlMs, jitter: 0.2, tracking: { mode } });
    const long = cacheOver(t, cluster, { tracking: { mode } });
    await long.set(key, "old");
    for (const cache of [short, long]) {
      await isTracked(cache);
      await waitFor("the value", async () => (await cache.get(key)) === "old");
      await keep(cache, key);
    }
    const primary = await failOver(servers, key);
    await command(primary.port, ["SET", key, "new"]);
    const writtenMs = performance.now();
    let lastOldMs = Number.NEGATIVE_INFINITY;
    await waitFor("the new value", async () => {
      const askedMs = performance.now();
      const value = await short.get(key);
      if (value === "old") lastOldMs = askedMs;
      return value === "new";
    });
    assert.ok(lastOldMs - writtenMs <= ttlMs * 1.2, `old for ${lastOldMs - writtenMs} ms`);
    await waitFor("the new value", async () => (await long.get(key)) === "new");
    await isTracked(long);
    await seesWrites(long, key, primary.port);
  });
}
