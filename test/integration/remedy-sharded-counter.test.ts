import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { CounterResetError, ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";
import { type Counter, NaiveCounter } from "../support/naive-counter.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { ioredisAt, nodeRedisAt } from "../support/remedy-clients.ts";

let server: TestServer;
before(async () => {
  server = await startRedis(null);
});
after(() => server.stop());
beforeEach(async () => {
  await command(server.port, ["FLUSHALL"]);
});

type Make = (redis: Redis, key: string, options: { shards: number }) => Counter;
const remedy: Make = (redis, key, options) => new ShardedCounter(redis, key, options);
const naive: Make = (redis, key, options) => new NaiveCounter(redis, key, options);

/** What each driver must do alike. */
async function exercise(redis: object, key: string | Buffer): Promise<void> {
  const counter = new ShardedCounter(redis, key, { shards: 5 });
  assert.equal(await counter.total(), 0);
  await Promise.all(Array.from({ length: 50 }, () => counter.increment()));
  assert.equal(await counter.total(), 50);
  await counter.increment(-80);
  assert.equal(await counter.total(), -30);
  await counter.increment(0.25);
  await counter.increment(-0.05);
  assert.equal(await counter.total(), -29.8);
  await counter.increment(2n ** 60n);
  await counter.increment(29.8);
  assert.equal(await counter.total(), 2n ** 60n);
  await counter.expire(100_000);
  assert.equal(await counter.reset(), 2n ** 60n);
  assert.equal(await counter.total(), 0);
  await counter.increment(3);
  assert.equal(await new ShardedCounter(redis, key, { shards: 1 }).total(), 3);
}

describe("both drivers", () => {
  test("ioredis", async (t) => {
    await exercise(ioredisAt(t, server.port), "views");
  });
  test("ioredis that gives numbers as text", async (t) => {
    await exercise(ioredisAt(t, server.port, { stringNumbers: true, protocol: 2 }), "views");
  });
  test("node-redis", async (t) => {
    await exercise(await nodeRedisAt(t, server.port), "views");
  });
  test("keys with braces, and of any bytes", async (t) => {
    const redis = ioredisAt(t, server.port);
    for (const key of ["user:{42}:views", "{}", "}{", Buffer.from([0xff, 0x00, 0x0d, 0x0a]), "vué"]) {
      await exercise(redis, key);
    }
  });
  test("clients with a prefix, which both put before each key", async (t) => {
    const ofNode = await nodeRedisAt(t, server.port, { keyPrefix: "app:" });
    await exercise(ioredisAt(t, server.port, { keyPrefix: "app:" }), "views");
    assert.equal(await new ShardedCounter(ofNode, "views").total(), 3);
    await exercise(ofNode, "{x}:views");
    const keys = await ioredisAt(t, server.port).keys("*");
    assert.ok(keys.length > 4);
    assert.deepEqual(
      keys.filter((key) => !key.startsWith("app:")),
      [],
    );
  });
});

describe("growth", () => {
  /** What a process of four shards reads after one of sixteen has counted to 64. */
  const totalOfOlder = async (redis: Redis, make: Make) => {
    const older = make(redis, "k", { shards: 4 });
    const newer = make(redis, "k", { shards: 16 });
    for (let i = 0; i < 64; i++) await newer.increment();
    return await older.total();
  };

  test("a process with fewer shards sums those of one with more; the naive counter loses them", async (t) => {
    const redis = ioredisAt(t, server.port);
    assert.equal(await totalOfOlder(redis, remedy), 64);
    assert.equal(await totalOfOlder(redis, naive), 16);
  });

  test("old and new processes count on side by side, and growth of floats is recorded too", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counters = [4, 16, 1, 64].map((shards) => new ShardedCounter(redis, "k", { shards }));
    for (const counter of counters) {
      for (let i = 0; i < 70; i++) await counter.increment(i % 2 === 0 ? 1 : 0.1);
    }
    for (const counter of counters) assert.equal(await counter.total(), 4 * 35 + 4 * 3.5);
  });

  test("a process with fewer shards does not lower what is recorded", async (t) => {
    const redis = ioredisAt(t, server.port);
    const [older, newer] = [remedy(redis, "k", { shards: 4 }), remedy(redis, "k", { shards: 16 })];
    for (let i = 0; i < 16; i++) await newer.increment(i % 2 === 0 ? 1 : 0.5);
    await older.increment();
    await older.increment(0.5);
    assert.equal(await remedy(redis, "k", { shards: 1 }).total(), 13.5);
  });

  test("nothing is added to shards before they are recorded", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k");
    await counter.increment();
    const [record = ""] = await redis.keys("k:shards:*");
    await redis.set(record, "text");
    await assert.rejects(new ShardedCounter(redis, "k").increment(), /WRONGTYPE/);
    await redis.del(record);
    assert.equal(await counter.total(), 1);
  });

  test("a record that was lost is restored by the next increment after a failure", async (t) => {
    const redis = ioredisAt(t, server.port);
    const [older, newer] = [remedy(redis, "k", { shards: 4 }), remedy(redis, "k", { shards: 16 })];
    for (let i = 0; i < 16; i++) await newer.increment();
    const [record = ""] = await redis.keys("k:shards:*");
    await redis.del(record);
    // One shard is spoilt, so that one of the increments fails.
    const name = (await redis.keys("k:count:*"))[0] ?? "";
    await redis.set(name, "text");
    const results = await Promise.allSettled(Array.from({ length: 16 }, () => newer.increment()));
    assert.equal(results.filter(({ status }) => status === "rejected").length, 1);
    await redis.set(name, "2");
    await newer.increment();
    assert.equal(await redis.hget(record, "count"), "16");
    assert.equal(await older.total(), 33);
  });

  test("a record that was lost is restored by whoever has seen it, were its shards another's", async (t) => {
    const redis = ioredisAt(t, server.port);
    const [older, newer] = [remedy(redis, "k", { shards: 4 }), remedy(redis, "k", { shards: 16 })];
    for (let i = 0; i < 32; i++) await newer.increment(i % 2 === 0 ? 1 : 0.5);
    await older.increment();
    const [record = ""] = await redis.keys("k:shards:*");
    await redis.del(record);
    // The one with more shards has ended by now. A total notices, and the next increment writes the record.
    assert.equal(await older.total(), 25);
    await older.increment();
    assert.deepEqual(await redis.hmget(record, "count", "float"), ["16", "16"]);
    assert.equal(await remedy(redis, "k", { shards: 1 }).total(), 26);
  });

  test("a record that says nonsense is an error, not a wrong total", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k");
    await counter.increment();
    const [record = ""] = await redis.keys("k:shards:*");
    await redis.hset(record, "count", "100000");
    await assert.rejects(counter.total(), /k:shards:.* says 100000 shards, expected at most 1024/);
  });

  test("reading makes no misses of floats where none were counted", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k", { shards: 4 });
    for (let i = 0; i < 4; i++) await counter.increment();
    await redis.config("RESETSTAT");
    assert.equal(await counter.total(), 4);
    assert.match(await redis.info("stats"), /keyspace_hits:5\r\nkeyspace_misses:0/);
  });
});

describe("sums", () => {
  const sumOf = async (counter: Counter, ...increments: (number | bigint)[]) => {
    for (const by of increments) await counter.increment(by);
    return await counter.total();
  };

  test("decimals sum as they are written; the naive counter rounds", async (t) => {
    const redis = ioredisAt(t, server.port);
    assert.equal(await sumOf(remedy(redis, "k", { shards: 4 }), 0.1, 0.2), 0.3);
    assert.notEqual(await sumOf(naive(redis, "k", { shards: 4 }), 0.1, 0.2), 0.3);
    const cents = remedy(redis, "cents", { shards: 4 });
    const prices = Array.from({ length: 200 }, (_, i) => (i * 7 + 1) / 100);
    await Promise.all(prices.map((price) => cents.increment(price)));
    assert.equal(await cents.total(), 1395);
  });

  test("beyond 2^53 every unit counts; the naive counter loses some", async (t) => {
    const redis = ioredisAt(t, server.port);
    const large = BigInt(Number.MAX_SAFE_INTEGER);
    const expected = large + 2n;
    assert.equal(await sumOf(remedy(redis, "k", { shards: 4 }), large, 1n, 1), expected);
    assert.notEqual(BigInt(await sumOf(naive(redis, "k", { shards: 4 }), large, 1n, 1)), expected);
    assert.equal(await sumOf(remedy(redis, "down", { shards: 4 }), -large, -1n), -large - 1n);
  });

  test("a full shard leaves it to others, so that totals may go beyond 64 bits", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k", { shards: 2 });
    const most = 2n ** 63n - 1n;
    assert.equal(await sumOf(counter, most, 5n, most - 5n), 2n * most);
    await assert.rejects(counter.increment(), /increment or decrement would overflow/);
    assert.equal(await counter.total(), 2n * most);
    await counter.increment(-1);
    assert.equal(await counter.total(), 2n * most - 1n);
    assert.equal(await counter.reset(), 2n * most - 1n);
  });

  test("of increments at once none fails while there is a shard with room for it", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k", { shards: 4 });
    const most = 2n ** 63n - 1n;
    for (let i = 0; i < 3; i++) await counter.increment(most);
    await Promise.all(Array.from({ length: 5 }, () => counter.increment()));
    assert.equal(await counter.total(), 3n * most + 5n);
  });
});

describe("reset", () => {
  /** Counted, against what resets in between and the total afterwards gave. */
  const handedOver = async (redis: Redis, make: Make) => {
    const counter = make(redis, "k", { shards: 8 });
    let counted = 0;
    let taken = 0;
    const counting = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 200; i++, counted++) await counter.increment();
    });
    let isCounting = true;
    const all = Promise.all(counting).finally(() => {
      isCounting = false;
    });
    while (isCounting) taken += Number(await counter.reset());
    await all;
    return { counted, found: taken + Number(await counter.total()) };
  };

  test("what is counted meanwhile is in one reset or the next; the naive counter loses it", async (t) => {
    const redis = ioredisAt(t, server.port);
    const { counted, found } = await handedOver(redis, remedy);
    assert.equal(found, counted);
    const lossy = await handedOver(redis, naive);
    assert.ok(lossy.found < lossy.counted, `${lossy.found} of ${lossy.counted}`);
  });

  test("shards are gone, of processes with more of them too, and floats", async (t) => {
    const redis = ioredisAt(t, server.port);
    const newer = new ShardedCounter(redis, "k", { shards: 16 });
    for (let i = 0; i < 20; i++) await newer.increment(i % 2 ? 1 : 0.5);
    assert.equal(await new ShardedCounter(redis, "k", { shards: 2 }).reset(), 15);
    assert.deepEqual(await redis.keys("k:count:*"), []);
    assert.deepEqual(await redis.keys("k:float:*"), []);
    assert.equal(await newer.total(), 0);
  });

  test("where a shard fails, the error has what was taken of the others", async (t) => {
    const redis = ioredisAt(t, server.port);
    const counter = new ShardedCounter(redis, "k", { shards: 4 });
    for (let i = 0; i < 8; i++) await counter.increment();
    const [name = ""] = await redis.keys("k:count:*");
    await redis.del(name);
    await redis.lpush(name, "no counter");
    await assert.rejects(counter.reset(), (error: unknown) => {
      assert.ok(error instanceof CounterResetError);
      assert.equal(error.taken, 6);
      assert.match(String(error.cause), /WRONGTYPE/);
      return true;
    });
  });
});

test("a lost server is an error to whoever counts, reads, resets or expires", async (t) => {
  const own = await startRedis(t);
  const redis = ioredisAt(t, own.port, { maxRetriesPerRequest: 0 });
  const counter = new ShardedCounter(redis, "k");
  await counter.increment();
  await own.stop();
  await waitFor("the connection to be lost", () => redis.status !== "ready");
  await assert.rejects(counter.increment());
  await assert.rejects(counter.total());
  await assert.rejects(counter.reset());
  await assert.rejects(counter.expire(1000));
});
