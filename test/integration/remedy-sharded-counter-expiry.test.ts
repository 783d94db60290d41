import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { Redis } from "ioredis";
import { ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";
import { type Counter, NaiveCounter } from "../support/naive-counter.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { ioredisAt } from "../support/remedy-clients.ts";

let server: TestServer;
before(async () => {
  server = await startRedis(null);
});
after(() => server.stop());
beforeEach(async () => {
  await command(server.port, ["FLUSHALL"]);
});

const TTL_MS = 1500;
const HOUR_MS = 3_600_000;

const shardKeys = async (redis: Redis) => [
  ...(await redis.keys("k:count:*")),
  ...(await redis.keys("k:float:*")),
];
/** When each shard expires, each time once. */
const expiries = async (redis: Redis) => {
  const keys = await shardKeys(redis);
  return [...new Set(await Promise.all(keys.map((key) => redis.pexpiretime(key))))];
};
const recordKey = async (redis: Redis) => (await redis.keys("k:shards:*"))[0] ?? "";

/** The total after expiry, where an increment came between `expire` and that. */
async function totalAfterExpiry(counter: Counter, has: (total: number | bigint) => boolean): Promise<number> {
  await counter.increment(5);
  await counter.expire(TTL_MS);
  for (let i = 0; i < 8; i++) await counter.increment();
  assert.equal(await counter.total(), 13, "not yet");
  await waitFor("the shards to expire", async () => has(await counter.total()));
  return Number(await counter.total());
}

test("what is counted after expire() goes with the rest; of the naive counter a part stays", async (t) => {
  const redis = ioredisAt(t, server.port);
  const counter = new ShardedCounter(redis, "k", { shards: 4 });
  assert.equal(await totalAfterExpiry(counter, (total) => total === 0), 0);
  const naive = new NaiveCounter(redis, "naive", { shards: 4 });
  assert.equal(await totalAfterExpiry(naive, (total) => total < 13), 6);
});

test("all shards expire at one instant, floats too, and the record an hour later", async (t) => {
  const redis = ioredisAt(t, server.port);
  const counter = new ShardedCounter(redis, "k", { shards: 4 });
  await counter.increment(0.5);
  const before = Date.now();
  await counter.expire(100_000);
  const after = Date.now();
  assert.equal((await shardKeys(redis)).length, 8);
  const [atMs = 0, ...others] = await expiries(redis);
  assert.deepEqual(others, []);
  assert.ok(before + 100_000 <= atMs && atMs <= after + 100_000);
  assert.equal(await redis.pexpiretime(await recordKey(redis)), atMs + HOUR_MS);
});

test("shards that are added after expire(), of either kind, expire with the others", async (t) => {
  const redis = ioredisAt(t, server.port);
  const older = new ShardedCounter(redis, "k", { shards: 2 });
  await older.increment();
  await older.expire(100_000);
  const expected = await expiries(redis);
  const newer = new ShardedCounter(redis, "k", { shards: 8 });
  await newer.increment(2);
  await newer.increment(0.5);
  await older.increment(0.25);
  assert.equal((await shardKeys(redis)).length, 16);
  assert.deepEqual(await expiries(redis), expected);
  assert.equal(await older.total(), 3.75);
});

test("a process with more shards, which has not heard of the expire(), counts into shards that expire", async (t) => {
  const redis = ioredisAt(t, server.port);
  const newer = new ShardedCounter(redis, "k", { shards: 8 });
  await newer.increment(1);
  await newer.increment(0.5);
  await new ShardedCounter(redis, "k", { shards: 2 }).expire(100_000);
  // Its record is fresh: it does not read it again.
  await redis.config("RESETSTAT");
  for (let i = 0; i < 16; i++) await newer.increment(i % 2 === 0 ? 1 : 0.5);
  assert.doesNotMatch(await redis.info("commandstats"), /cmdstat_eval/);
  assert.equal((await shardKeys(redis)).length, 16);
  assert.equal((await expiries(redis)).length, 1);
  assert.equal((await expiries(redis)).includes(-1), false);
});

test("an expire() that its process did not finish is finished by the next one that counts", async (t) => {
  const redis = ioredisAt(t, server.port);
  const dying = new ShardedCounter(redis, "k", { shards: 4 });
  for (let i = 0; i < 4; i++) await dying.increment();
  await dying.expire(100_000);
  const expected = await expiries(redis);
  const keys = await shardKeys(redis);
  await redis.persist(keys[1] ?? "");
  await redis.persist(keys[3] ?? "");
  await new ShardedCounter(redis, "k", { shards: 4 }).increment();
  assert.deepEqual(await expiries(redis), expected);
});

test("what is counted after the expiry stays, and so does the record of it", async (t) => {
  const redis = ioredisAt(t, server.port);
  const counter = new ShardedCounter(redis, "k", { shards: 16 });
  await counter.increment();
  await counter.expire(TTL_MS);
  await waitFor("the shards to expire", async () => (await shardKeys(redis)).length === 0);
  // Its record is fresh still, from before: the increment has to notice by itself.
  await counter.increment(7);
  assert.deepEqual(await expiries(redis), [-1]);
  assert.equal(await redis.pttl(await recordKey(redis)), -1);
  assert.equal(await new ShardedCounter(redis, "k", { shards: 1 }).total(), 7);
});

test("of several expire() at once the one recorded last holds for all shards", async (t) => {
  const clients = Array.from({ length: 4 }, () => ioredisAt(t, server.port));
  const [redis] = clients as [Redis];
  const counters = clients.map((client) => new ShardedCounter(client, "k", { shards: 16 }));
  for (let round = 0; round < 20; round++) {
    await Promise.all(counters.map((counter, i) => counter.expire(100_000 * (1 + ((i + round) % 4)))));
    const found = await expiries(redis);
    assert.equal(found.length, 1, `round ${round}`);
    assert.equal(String(found[0]), await redis.hget(await recordKey(redis), "expiresAt"));
  }
});

test("reset() keeps the expiry", async (t) => {
  const redis = ioredisAt(t, server.port);
  const counter = new ShardedCounter(redis, "k", { shards: 4 });
  for (let i = 0; i < 9; i++) await counter.increment();
  await counter.expire(TTL_MS);
  assert.equal(await counter.reset(), 9);
  await counter.increment(3);
  assert.equal(await counter.total(), 3);
  await waitFor("the shards to expire", async () => (await counter.total()) === 0);
  assert.deepEqual(await shardKeys(redis), []);
});
