import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import { command, startRedis, startReplica, waitFor } from "../support/redis.ts";
import { startSentinel } from "../support/sentinel.ts";

test("by a Sentinel tracking follows a failover to the new primary", async (t) => {
  const primary = await startRedis(t);
  const replica = await startReplica(t, primary.port);
  const sentinel = await startSentinel(t, { shop: primary.port });
  await waitFor("the Sentinel to know the replica", async () => {
    const reply = await command(sentinel.port, ["SENTINEL", "REPLICAS", "shop"]);
    return /,master-link-status,ok,/.test(String(reply)) && !/disconnected/.test(String(reply));
  });
  const redis = new Redis({ sentinels: [{ host: "127.0.0.1", port: sentinel.port }], name: "shop" });
  redis.on("error", () => {});
  t.after(() => redis.disconnect());
  const cache = new LocalCache(redis, { ttlMs: 600_000, hotThreshold: 1, tracking: true });
  t.after(() => cache.close());
  const seesWrites = async (port: number) => {
    await waitFor("tracking", () => cache.stats.tracking === "on");
    await waitFor("the value to be kept", async () => {
      const { hits } = cache.stats;
      await cache.get("key");
      return cache.stats.hits > hits;
    });
    await command(port, ["SET", "key", `by ${port}`]);
    await waitFor("the write", async () => (await cache.get("key")) === `by ${port}`);
  };
  await seesWrites(primary.port);
  await primary.stop();
  await waitFor("the failover", async () =>
    String(await command(replica.port, ["INFO", "replication"])).includes("role:master"),
  );
  await seesWrites(replica.port);
  assert.equal(await redis.get("key"), `by ${replica.port}`);
});
