import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { observe } from "../../src/client/observe.ts";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import { command, startRedis, type TestServer } from "../support/redis.ts";
import { ioredisAt, nodeRedisAt } from "../support/remedy-clients.ts";

const CALLERS = 1000;
const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);
const ALL_HOT = { hotThreshold: 1, ttlMs: 60_000 };

async function getsServed(port: number): Promise<number> {
  const text = String(await command(port, ["INFO", "commandstats"]));
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

/** So many callers at once, each with its first read of the key. Returns how many GETs the server saw. */
async function stampede(port: number, get: (key: string) => Promise<string | null>): Promise<number> {
  await command(port, ["SET", "stampede", "value"]);
  const before = await getsServed(port);
  const values = await Promise.all(Array.from({ length: CALLERS }, () => get("stampede")));
  assert.deepEqual(new Set(values), new Set(["value"]));
  return (await getsServed(port)) - before;
}

/** Keeps values; each caller that finds none asks by itself. */
function naiveCache(get: (key: string) => Promise<string | null>): (key: string) => Promise<string | null> {
  const kept = new Map<string, string | null>();
  return async (key) => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const value = await get(key);
    kept.set(key, value);
    return value;
  };
}

async function exercise(cache: LocalCache): Promise<void> {
  for (const key of ["text", NOT_UTF8, "{tag}brace", "é€😀"]) {
    assert.equal(await cache.get(key), null);
    assert.equal(await cache.get(key), null);
    await cache.set(key, NOT_UTF8);
    assert.deepEqual(await cache.getBuffer(key), NOT_UTF8);
    assert.deepEqual(await cache.getBuffer(key), NOT_UTF8);
    assert.equal(await cache.get(key), NOT_UTF8.toString());
    await cache.set(Buffer.from(key), "");
    assert.equal(await cache.get(key), "");
    assert.deepEqual(await cache.getBuffer(Buffer.from(key)), Buffer.alloc(0));
    assert.equal(await cache.delete(key), true);
    assert.equal(await cache.get(key), null);
  }
  assert.ok(cache.stats.hits >= 16, `${cache.stats.hits}`);
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("a thousand callers of a hot key send one GET, and without single flight a thousand", async (t) => {
    for (const redis of [ioredisAt(t, server.port), await nodeRedisAt(t, server.port)]) {
      const cache = new LocalCache(redis, { hotSet: new Set(["stampede"]) });
      assert.equal(await stampede(server.port, (key) => cache.get(key)), 1);
      const { misses, coalesced, absorbed } = cache.stats;
      assert.deepEqual({ misses, coalesced, absorbed }, { misses: CALLERS, coalesced: 999, absorbed: 999 });
      const plain = naiveCache((key) => redis.get(key));
      assert.equal(await stampede(server.port, plain), CALLERS);
    }
  });

  test("keys and values of any bytes, by both drivers, and with a prefix", async (t) => {
    const clients = [
      ioredisAt(t, server.port),
      ioredisAt(t, server.port, { keyPrefix: "app:", protocol: 2 }),
      await nodeRedisAt(t, server.port),
      await nodeRedisAt(t, server.port, { keyPrefix: "app:" }),
    ];
    for (const redis of clients) {
      await command(server.port, ["FLUSHALL"]);
      await exercise(new LocalCache(redis, ALL_HOT));
    }
  });

  test("a TTL is set in Redis", async (t) => {
    const redis = ioredisAt(t, server.port);
    await new LocalCache(redis).set("short", "1", { ttlMs: 50_000 });
    const leftMs = await redis.pttl("short");
    assert.ok(leftMs > 10_000 && leftMs <= 50_000, `${leftMs}`);
  });

  test("a key that holds no string is an error for every caller", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.lpush("list", "1");
    const cache = new LocalCache(redis, ALL_HOT);
    for (const result of await Promise.allSettled([cache.get("list"), cache.get("list")])) {
      assert.equal(result.status === "rejected" && /WRONGTYPE/.test(String(result.reason)), true);
    }
  });

  test("an observed client's absorbed reads are told as such", async (t) => {
    const redis = ioredisAt(t, server.port);
    const observation = observe(redis, { service: "shop" });
    t.after(() => observation.stop());
    const cache = new LocalCache(redis, { ...ALL_HOT, observation });
    for (let i = 0; i < 50; i++) await cache.get("observed");
    const [top] = observation.topKeys(1);
    assert.equal(top?.key, "observed");
    assert.ok(top.ratePerSecond.read > 0 && top.absorbedPerSecond > 10 * top.ratePerSecond.read);
  });
});

test("a lost server is an error, and what was kept is given until its time is over", async (t) => {
  const server = await startRedis(t);
  const redis = ioredisAt(t, server.port, { maxRetriesPerRequest: 0 });
  const cache = new LocalCache(redis, ALL_HOT);
  await cache.set("a", "1");
  await cache.get("a");
  await server.stop();
  assert.equal(await cache.get("a"), "1");
  await assert.rejects(cache.get("b"));
  await assert.rejects(cache.set("a", "2"));
  await assert.rejects(cache.get("a"));
});
