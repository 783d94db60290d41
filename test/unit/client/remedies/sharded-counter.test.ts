import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { ShardedCounter } from "../../../../src/client/remedies/sharded-counter.ts";

const redis = new Redis({ lazyConnect: true });

test("arguments are checked at once", async () => {
  for (const shards of [0, -1, 1025, 1.5, Number.NaN]) {
    assert.throws(() => new ShardedCounter(redis, "k", { shards }), /^RangeError: shards: .*from 1 to 1024/);
  }
  assert.throws(() => new ShardedCounter(redis, "k", { shards: "4" as never }), /^TypeError: shards/);
  assert.throws(() => new ShardedCounter(redis, "k", { shard: 4 } as never), /^TypeError: shard: no such/);
  assert.throws(() => new ShardedCounter(redis, ""), /^RangeError: key: must not be empty/);
  assert.throws(() => new ShardedCounter(redis, 1 as never), /^TypeError: key/);
  assert.throws(() => new ShardedCounter({}, "k"), /^TypeError: redis/);
  const counter = new ShardedCounter(redis, "k");
  await assert.rejects(counter.expire(0), /^RangeError: ttlMs/);
  await assert.rejects(counter.expire(-5), /^RangeError: ttlMs/);
  await assert.rejects(counter.expire("1" as never), /^TypeError: ttlMs/);
  await assert.rejects(counter.increment(Number.NaN), /^RangeError: by/);
  await assert.rejects(counter.increment("1" as never), /^TypeError: by/);
  assert.equal(redis.status, "wait", "nothing was sent");
});
