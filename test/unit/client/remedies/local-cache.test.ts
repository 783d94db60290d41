import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CachedValues, type Held, heldOf } from "../../../../src/client/remedies/cached-values.ts";
import type { Bytes } from "../../../../src/client/remedies/commands.ts";
import { LocalCache } from "../../../../src/client/remedies/local-cache.ts";
import type { LocalCacheOptions } from "../../../../src/client/remedies/local-cache-options.ts";
import { SimulatedClock, settle } from "../../../support/simulated-clock.ts";

/** A client of ioredis as far as a cache without tracking needs one, with its values in a map. */
class FakeRedis {
  readonly options: { readonly keyPrefix?: string };
  readonly values = new Map<string, string>();
  readonly sent: string[] = [];
  failure: Error | null = null;

  constructor(options = {}) {
    this.options = options;
  }

  async callBuffer(name: string, key: string, value?: string): Promise<unknown> {
    this.sent.push(`${name} ${key}`);
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    if (name === "SET") this.values.set(key, String(value));
    if (name === "DEL") return Number(this.values.delete(key));
    const found = this.values.get(key);
    return found === undefined ? null : Buffer.from(found);
  }

  defineCommand(): void {}
}

function setUp(options: LocalCacheOptions = {}) {
  const redis = new FakeRedis();
  const clock = new SimulatedClock();
  return { redis, clock, cache: new LocalCache(redis, options, clock) };
}

const ALL_HOT = { hotThreshold: 1 };

describe("what is refused", () => {
  const bad: readonly [string, unknown, RegExp][] = [
    ["an option of another name", { ttl: 1 }, /^TypeError: ttl: no such option/],
    ["no options at all", null, /^TypeError: options/],
    ["a TTL of 0", { ttlMs: 0 }, /^RangeError: ttlMs/],
    ["a TTL as text", { ttlMs: "1s" }, /^TypeError: ttlMs/],
    ["no jitter that is a number", { jitter: Number.NaN }, /^RangeError: jitter/],
    ["a jitter of 1", { jitter: 1 }, /^RangeError: jitter/],
    ["no entries", { maxEntries: 0 }, /^RangeError: maxEntries/],
    ["hardly a byte", { maxBytes: 100 }, /^RangeError: maxBytes/],
    ["a threshold of 0", { hotThreshold: 0 }, /^RangeError: hotThreshold/],
    ["a hot set without has", { hotSet: ["a"] }, /^TypeError: hotSet/],
    ["an observation without record", { observation: {} }, /^TypeError: observation/],
    ["another mode of tracking", { tracking: { mode: "all" } }, /^TypeError: tracking.mode/],
    ["prefixes where there are none", { tracking: { prefixes: ["a"] } }, /^TypeError: tracking.prefixes/],
    [
      "an empty list of prefixes",
      { tracking: { mode: "broadcast", prefixes: [] } },
      /^RangeError: tracking.prefixes/,
    ],
    [
      "a prefix of another",
      { tracking: { mode: "broadcast", prefixes: ["user:", "b", "user:1"] } },
      /^RangeError: tracking.prefixes: user: is the beginning of user:1/,
    ],
    [
      "no client of ioredis, to be tracked",
      { tracking: true },
      /^TypeError: tracking: expected a client of ioredis/,
    ],
  ];
  for (const [what, options, error] of bad) {
    test(what, () => {
      assert.throws(() => new LocalCache(new FakeRedis(), options as LocalCacheOptions), error);
    });
  }

  test("what is no client", () => {
    assert.throws(() => new LocalCache({}), /^TypeError: redis: expected a client/);
  });

  test("bad arguments, before anything is sent", async () => {
    const { redis, cache } = setUp();
    await assert.rejects(cache.get(""), /^RangeError: key/);
    await assert.rejects(cache.get(1 as never), /^TypeError: key/);
    await assert.rejects(cache.get("a", { ttlMs: 1 } as never), /^TypeError: ttlMs: no such option/);
    await assert.rejects(cache.getBuffer("a", { signal: 1 as never }), /^TypeError: signal/);
    await assert.rejects(cache.set("a", 1 as never), /^TypeError: value/);
    await assert.rejects(cache.set("a", "1", { ttlMs: -1 }), /^RangeError: ttlMs/);
    await assert.rejects(cache.delete(""), /^RangeError: key/);
    assert.throws(() => cache.invalidate("a", ""), /^RangeError: key/);
    assert.deepEqual(redis.sent, []);
  });
});

test("a key is kept from its hundredth read in a second on, and told of as hot", async () => {
  const { redis, clock, cache } = setUp();
  redis.values.set("a", "1");
  for (let i = 0; i < 99; i++) assert.equal(await cache.get("a"), "1");
  assert.deepEqual(cache.stats.currentHotKeys, []);
  for (let i = 0; i < 101; i++) assert.equal(await cache.get("a"), "1");
  assert.equal(redis.sent.length, 100);
  const { hits, misses, absorbed, entries, currentHotKeys } = cache.stats;
  assert.deepEqual(
    { hits, misses, absorbed, entries },
    { hits: 100, misses: 100, absorbed: 100, entries: 1 },
  );
  assert.deepEqual(currentHotKeys, [{ key: "a", keyEncoding: "utf8", readsPerSecond: 200 }]);
  clock.advance(3000);
  assert.deepEqual(cache.stats.currentHotKeys, []);
  await cache.get("a");
  assert.equal(redis.sent.length, 101);
});

test("a hot set decides alone, and with a threshold either does", async () => {
  const hotSet = new Set(["hot"]);
  const alone = setUp({ hotSet });
  const either = setUp({ hotSet, hotThreshold: 3 });
  for (const { cache } of [alone, either]) {
    for (let i = 0; i < 5; i++) for (const key of ["hot", "other"]) await cache.get(key);
  }
  assert.deepEqual([alone.cache.stats.hits, alone.cache.stats.currentHotKeys.length], [4, 1]);
  assert.deepEqual([either.cache.stats.hits, either.cache.stats.currentHotKeys.length], [6, 2]);
});

describe("a value that nears its end", () => {
  const TTL = { ...ALL_HOT, ttlMs: 1000 };

  test("is read anew behind the first read after 80% to 100% of its time, and nobody waits", async () => {
    const { redis, clock, cache } = setUp(TTL);
    const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`);
    const readAll = async () => {
      const sentBefore = redis.sent.length;
      for (const key of keys) await cache.get(key);
      return redis.sent.length - sentBefore;
    };
    assert.equal(await readAll(), 300);
    clock.advance(799);
    assert.equal(await readAll(), 0);
    clock.advance(101);
    const early = await readAll();
    assert.ok(early > 90 && early < 210, `${early} of 300 were read anew in the first half`);
    clock.advance(100);
    assert.equal(early + (await readAll()), 300);
    const { hits, misses, refreshes, absorbed } = cache.stats;
    assert.deepEqual(
      { hits, misses, refreshes, absorbed },
      { hits: 900, misses: 300, refreshes: 300, absorbed: 600 },
    );
  });

  test("is given out meanwhile, and then the new one", async () => {
    const { redis, clock, cache } = setUp(TTL);
    redis.values.set("a", "old");
    await cache.get("a");
    redis.values.set("a", "new");
    clock.advance(1000);
    assert.equal(await cache.get("a"), "old");
    await settle();
    assert.equal(await cache.get("a"), "new");
    assert.deepEqual(redis.sent, ["GET a", "GET a"]);
  });

  test("is given out for 120% of its time while it cannot be read anew, and then the error", async () => {
    const { redis, clock, cache } = setUp(TTL);
    redis.values.set("a", "1");
    await cache.get("a");
    redis.failure = new Error("away");
    for (const ms of [1000, 199]) {
      clock.advance(ms);
      assert.equal(await cache.get("a"), "1");
      await settle();
    }
    clock.advance(1);
    await assert.rejects(cache.get("a"), /away/);
  });

  test("is not read anew for a key that has cooled, nor without jitter", async () => {
    const hotSet = new Set(["a"]);
    for (const options of [
      { ttlMs: 1000, hotSet },
      { ...TTL, jitter: 0 },
    ]) {
      const { redis, clock, cache } = setUp(options);
      hotSet.add("a");
      await cache.get("a");
      hotSet.clear();
      clock.advance(999);
      await cache.get("a");
      assert.equal(redis.sent.length, 1);
      clock.advance(201);
      await cache.get("a");
      assert.equal(redis.sent.length, 2);
      assert.equal(cache.stats.refreshes, 0);
    }
  });
});

test("a null is kept, and hides no write of the cache's own", async () => {
  const { redis, cache } = setUp(ALL_HOT);
  assert.equal(await cache.get("a"), null);
  assert.equal(await cache.get("a"), null);
  assert.deepEqual(redis.sent, ["GET a"]);
  await cache.set("a", "");
  assert.equal(await cache.get("a"), "");
  assert.equal(await cache.delete("a"), true);
  assert.equal(await cache.get("a"), null);
  assert.equal(await cache.delete("a"), false);
});

test("a write that fails leaves nothing kept", async () => {
  const { redis, cache } = setUp(ALL_HOT);
  await cache.set("a", "1");
  await cache.get("a");
  redis.failure = new Error("lost");
  const write = cache.set("a", "2");
  await assert.rejects(write, /lost/);
  await assert.rejects(cache.get("a"), /lost/);
  redis.failure = null;
  redis.values.set("a", "2");
  assert.equal(await cache.get("a"), "2");
});

test("invalidate forgets the keys it is given, as text or bytes, and clear all", async () => {
  const { cache } = setUp(ALL_HOT);
  for (const key of ["a", "é", "c"]) await cache.get(key);
  cache.invalidate("a", Buffer.from("é"), "never read");
  cache.invalidate();
  assert.equal(cache.stats.entries, 1);
  assert.equal(cache.stats.invalidations, 2);
  cache.clear();
  assert.equal(cache.stats.entries, 0);
  assert.equal(cache.stats.flushes, 1);
});

test("a caller may change the Buffer it got", async () => {
  const { redis, cache } = setUp(ALL_HOT);
  redis.values.set("a", "value");
  for (let i = 0; i < 3; i++) {
    const got = await cache.getBuffer("a");
    assert.equal(String(got), "value");
    got?.fill(0);
  }
  assert.equal(await cache.get("a"), "value");
  assert.equal(redis.sent.length, 1);
});

test("a signal ends the wait of its caller alone", async () => {
  const { redis, cache } = setUp(ALL_HOT);
  redis.values.set("a", "1");
  const controller = new AbortController();
  const aborted = cache.get("a", { signal: controller.signal });
  const other = cache.get("a");
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  assert.equal(await other, "1");
  await assert.rejects(cache.get("a", { signal: controller.signal }), /enough/);
  await assert.rejects(cache.set("a", "2", { signal: controller.signal }), /enough/);
  assert.deepEqual(redis.sent, ["GET a"]);
});

test("an error reaches all who wait, and is not kept", async () => {
  const { redis, cache } = setUp(ALL_HOT);
  redis.failure = new Error("lost");
  const both = await Promise.allSettled([cache.get("a"), cache.get("a")]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  redis.failure = null;
  assert.equal(await cache.get("a"), null);
});

test("an observation is told of each read that the cache answered", async () => {
  const told: unknown[] = [];
  const { cache } = setUp({ ...ALL_HOT, observation: { record: (...args) => void told.push(args) } });
  await Promise.all([cache.get("a"), cache.get("a")]);
  await cache.get("a");
  assert.deepEqual(told, [
    ["a", "absorbed"],
    ["a", "absorbed"],
  ]);
  assert.deepEqual([cache.stats.coalesced, cache.stats.hits, cache.stats.absorbed], [1, 1, 2]);
});

test("a hot set is asked, and an observation told, by the key as the server has it", async () => {
  const told: unknown[] = [];
  const asked: unknown[] = [];
  const hotSet = {
    has: (key: Bytes) => {
      asked.push(key);
      return key !== "app:cold";
    },
  };
  const cache = new LocalCache(new FakeRedis({ keyPrefix: "app:" }), {
    hotSet,
    observation: { record: (key) => void told.push(key) },
  });
  const bytes = Buffer.from([0xff]);
  const fullBytes = Buffer.from("app:\xff", "latin1");
  for (const key of ["cold", "cold", "hot", "hot", bytes, bytes]) await cache.get(key);
  assert.deepEqual(asked, ["app:cold", "app:cold", "app:hot", fullBytes]);
  assert.deepEqual(told, ["app:hot", fullBytes]);
  assert.deepEqual(
    cache.stats.currentHotKeys.map(({ key }) => key),
    ["hot", "/w=="],
  );
});

test("after close reads go to Redis, and nothing is kept", async () => {
  const { redis, clock, cache } = setUp(ALL_HOT);
  const underWay = cache.get("a");
  cache.close();
  cache.close();
  await underWay;
  redis.values.set("a", "1");
  assert.equal(await cache.get("a"), "1");
  redis.values.set("a", "2");
  assert.equal(await cache.get("a"), "2");
  await cache.set("a", "3");
  assert.equal(await cache.get("a"), "3");
  assert.deepEqual([cache.stats.entries, cache.stats.bytes, clock.waiting], [0, 0, 0]);
});

/** Of the tables of all that there is. */
function memoryBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe("bounds", () => {
  const until10 = (held: Held) => ({ held, refreshMs: 10, untilMs: 10 });

  test("so many entries at most: those asked for least recently leave", () => {
    const values = new CachedValues(2, 1_000_000);
    values.set("a", until10("1"));
    values.set("b", until10(null));
    values.get("a", 0);
    values.set("c", until10("3"));
    const held = ["a", "b", "c"].map((id) => values.get(id, 0)?.held);
    assert.deepEqual(held, ["1", undefined, "3"]);
    assert.equal(values.get("a", 10), undefined);
    assert.equal(values.size, 1);
  });

  test("so many bytes at most, whatever the values", () => {
    const values = new CachedValues(10_000, 100_000);
    const texts = ["x".repeat(5000), "é€".repeat(1000), Buffer.alloc(3000, 0xff)];
    for (let i = 0; i < 1000; i++) values.set(`key:${i}`, until10(heldOf(Buffer.from(texts[i % 3]!))));
    assert.ok(values.bytes <= 100_000 && values.bytes > 80_000, `${values.bytes}`);
    assert.ok(values.size > 10, `${values.size}`);
  });

  test("room for entries is made for no more than the bytes allow", () => {
    const before = memoryBytes();
    const values = new CachedValues(2 ** 24, 1_000_000);
    const takenBytes = memoryBytes() - before;
    assert.equal(values.size, 0);
    assert.ok(takenBytes < 50_000_000, `${takenBytes}`);
  });

  test("a value of more than an eighth is not kept, nor what was there before it", () => {
    const values = new CachedValues(10, 8000);
    values.set("a", until10("small"));
    values.set("a", until10("x".repeat(1000)));
    assert.equal(values.get("a", 0), undefined);
    assert.equal(values.bytes, 0);
  });
});
