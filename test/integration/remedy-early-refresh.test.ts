import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import type { Compute } from "../../src/client/remedies/computed-value.ts";
import { EarlyRefresh, type EarlyRefreshOptions } from "../../src/client/remedies/early-refresh.ts";
import { lockNameOf } from "../../src/client/remedies/fleet-lock/lock-place.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const TTL = { ttlMs: 100_000 };
/** So that every read of a value that took a while to compute finds a refresh due, and none. */
const ALWAYS = { ...TTL, beta: 1e12 };
const NEVER = { ...TTL, beta: 1e-12 };
const FLEET = { lockTtlMs: 60_000, waitMs: 60_000 };
const DUE = { deltaMs: 1000 };
const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x7d, 0x0d, 0x0a, 0x7b]);

const lockOf = (key: string | Buffer) => lockNameOf(Buffer.from(key));

/** A `compute` that ends when told to, and counts. */
function heldCompute() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signals: AbortSignal[] = [];
  const compute: Compute<string> = ({ signal }) => {
    signals.push(signal);
    return promise;
  };
  return { compute, resolve, reject, signals, calls: () => signals.length };
}

const never = () => assert.fail("computed");

/** Holds back the scripts of two keys, which those are that take the lock. Returns: what lets them go. */
function gateTake(redis: Redis): () => void {
  const send = redis.callBuffer.bind(redis) as (...words: unknown[]) => Promise<unknown>;
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  redis.callBuffer = (async (...words: unknown[]) => {
    if (String(words[2]) === "2") await gate;
    return await send(...words);
  }) as typeof redis.callBuffer;
  return openGate;
}

function cacheOver(t: TestContext, redis: object, options: EarlyRefreshOptions = ALWAYS): EarlyRefresh {
  const cache = new EarlyRefresh(redis, options);
  t.after(() => cache.close());
  return cache;
}

/** A cache of one process, with a value that is due to be recomputed. */
interface DueCache {
  get(key: string, compute: () => Promise<string>): Promise<string>;
}

interface Rush {
  readonly computes: number;
  /** Callers who had the old value while the new one was being computed, or was not even begun. */
  readonly servedMeanwhile: number;
}

const CALLERS = 1000;

/** Callers of a key whose recompute is due, evenly over the caches; it ends when each of them has a value or computes one. */
async function rush(caches: readonly DueCache[]): Promise<Rush> {
  let computes = 0;
  let isComputed = false;
  let servedMeanwhile = 0;
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const compute = async () => {
    computes++;
    await gate;
    isComputed = true;
    return "new";
  };
  const calls = Array.from({ length: CALLERS }, async (_, i) => {
    const value = await caches[i % caches.length]!.get("hot", compute);
    if (value === "old" && !isComputed) servedMeanwhile++;
  });
  await waitFor("everybody", () => computes > 0 && servedMeanwhile + computes >= CALLERS);
  openGate();
  await Promise.all(calls);
  return { computes, servedMeanwhile };
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());
  const flush = () => command(server.port, ["FLUSHALL"]);
  const open = (t: TestContext, options?: EarlyRefreshOptions) =>
    cacheOver(t, ioredisAt(t, server.port), options);

  test("a missing value is computed once a process, stored with its recompute time, and given to all", async (t) => {
    await flush();
    const cache = open(t, NEVER);
    const held = heldCompute();
    const calls = Array.from({ length: 1000 }, () => cache.get("k", held.compute));
    await waitFor("compute", () => held.calls() > 0);
    const started = performance.now();
    await waitFor("some time", () => performance.now() - started > 60);
    held.resolve("v");
    assert.deepEqual([...new Set(await Promise.all(calls))], ["v"]);
    assert.equal(held.calls(), 1);
    assert.equal(await cache.get("k", never), "v");
    const { value, shouldRefresh, ttlMs, deltaMs } = await cache.peek("k");
    assert.deepEqual([value, shouldRefresh], ["v", false]);
    assert.ok(ttlMs! > 90_000 && ttlMs! <= 100_000);
    assert.ok(deltaMs! >= 60 && deltaMs! < 60_000);
    assert.deepEqual(cache.stats, { hits: 1, misses: 1000, refreshes: 0, refreshErrors: 0, leftToOthers: 0 });
    assert.deepEqual(await cache.peek("none"), {
      value: null,
      shouldRefresh: true,
      ttlMs: null,
      deltaMs: null,
    });
  });

  test("a value that is due is given at once, and recomputed behind by one at a time", async (t) => {
    await flush();
    const cache = open(t);
    await cache.set("k", "old", DUE);
    const held = heldCompute();
    for (let i = 0; i < 20; i++) assert.equal(await cache.get("k", held.compute), "old");
    assert.equal(held.calls(), 1);
    assert.equal((await cache.peek("k")).shouldRefresh, true);
    held.resolve("new");
    await waitFor("the new value", async () => (await cache.peek("k")).value === "new");
    assert.equal(cache.stats.refreshes, 1);
  });

  test("1,000 callers of 8 connections, of both drivers, on a value that is due: one computes, all are served; at its expiry all compute", async (t) => {
    await flush();
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        i % 2 === 0 ? ioredisAt(t, server.port) : nodeRedisAt(t, server.port),
      ),
    );
    const caches = clients.map((redis) => cacheOver(t, redis, { ...ALWAYS, fleet: FLEET }));
    await caches[0]!.set("hot", "old", DUE);
    const early = await rush(caches);
    await waitFor("the new value", async () => (await caches[7]!.peek("hot")).value === "new");
    assert.equal(early.computes, 1);
    assert.ok(early.servedMeanwhile >= CALLERS - 1);

    const redis = ioredisAt(t, server.port);
    await redis.set("hot", "old", "PX", 1);
    await waitFor("its expiry", async () => (await redis.exists("hot")) === 0);
    const naive: DueCache = {
      get: async (key, compute) => {
        const found = await redis.get(key);
        if (found !== null) return found;
        const value = await compute();
        await redis.set(key, value, "PX", 100_000);
        return value;
      },
    };
    const late = await rush([naive]);
    assert.deepEqual(late, { computes: CALLERS, servedMeanwhile: 0 });
  });

  test("a key that is not due is left alone by any number of reads", async (t) => {
    await flush();
    const cache = open(t, TTL);
    await cache.set("k", "v", { deltaMs: 1 });
    const values = await Promise.all(Array.from({ length: CALLERS }, () => cache.get("k", never)));
    assert.deepEqual([...new Set(values)], ["v"]);
  });

  test("an error of compute keeps the old value until it expires, is told, and is not tried again at once", async (t) => {
    await flush();
    const errors: unknown[] = [];
    const onError = (error: unknown, key: unknown) => {
      errors.push(`${key}: ${error}`);
      // What is not handled would end the test.
      if (errors.length > 1) return Promise.reject(new Error("of the callback"));
      throw new Error("of the callback");
    };
    const cache = open(t, { ...ALWAYS, onError });
    await cache.set("k", "old", DUE);
    const failing = () => Promise.reject<string>(new Error("no database"));
    const startMs = performance.now();
    assert.equal(await cache.get("k", failing), "old");
    await waitFor("the error", () => errors.length === 1);
    assert.deepEqual(errors, ["k: Error: no database"]);
    const held = heldCompute();
    await waitFor("another try", async () => {
      assert.equal(await cache.get("k", held.compute), "old");
      return held.calls() > 0;
    });
    assert.ok(performance.now() - startMs > 990);
    assert.equal(cache.stats.refreshErrors, 1);
    held.reject(new Error("again"));
    await waitFor("the second error", () => errors.length === 2);
    await command(server.port, ["PEXPIRE", "k", 0]);
    await assert.rejects(cache.get("k", failing), /no database/);
    assert.equal(errors.length, 2);
  });

  test("an error of compute for a missing value reaches all who wait, and the next caller tries", async (t) => {
    await flush();
    const cache = open(t);
    const held = heldCompute();
    const calls = Promise.allSettled([cache.get("k", held.compute), cache.get("k", held.compute)]);
    await waitFor("compute", () => held.calls() === 1);
    held.reject(new Error("no database"));
    for (const result of await calls)
      assert.match(String(result.status === "rejected" && result.reason), /no database/);
    assert.equal(await cache.get("k", () => "v"), "v");
  });

  for (const fleet of [false, FLEET]) {
    const name = fleet === false ? "each process by itself" : "with the fleet";
    test(`${name}: what is set or deleted while it is recomputed is not overwritten`, async (t) => {
      await flush();
      const cache = open(t, { ...ALWAYS, fleet });
      // With the fleet anybody may do that.
      const other = fleet === false ? cache : open(t, { ...ALWAYS, fleet });
      await cache.set("k", "old", DUE);
      const held = heldCompute();
      const refreshing = cache.refresh("k", held.compute);
      await waitFor("compute", () => held.calls() === 1);
      await other.set("k", "set", DUE);
      held.resolve("stale");
      assert.equal(await refreshing, false);
      assert.equal((await cache.peek("k")).value, "set");
      const again = heldCompute();
      const missing = heldCompute();
      const second = cache.refresh("k", again.compute);
      await waitFor("compute", () => again.calls() === 1);
      assert.equal(await other.delete("k"), true);
      const fresh = other.get("k", missing.compute);
      await waitFor("compute", () => missing.calls() === 1);
      again.resolve("stale");
      assert.equal(await second, false);
      assert.equal((await cache.peek("k")).value, null);
      missing.resolve("fresh");
      assert.equal(await fresh, "fresh");
      assert.equal((await cache.peek("k")).value, "fresh");
      assert.equal(await other.delete("none"), false);
    });

    test(`${name}: refresh recomputes now, and says whether a value was stored`, async (t) => {
      await flush();
      const cache = open(t, { ...NEVER, fleet });
      assert.equal(await cache.refresh("k", () => "one"), true);
      assert.equal(await cache.refresh("k", () => "two", { ttlMs: 5000 }), true);
      const { value, ttlMs } = await cache.peek("k");
      assert.equal(value, "two");
      assert.ok(ttlMs! <= 5000);
      await assert.rejects(
        cache.refresh("k", () => Promise.reject(new Error("no"))),
        /no/,
      );
      assert.equal((await cache.peek("k")).value, "two");
      assert.deepEqual(await command(server.port, ["KEYS", "*"]), [Buffer.from("k")]);
    });

    test(`${name}: null is given and not cached; a value that is there stays until it expires`, async (t) => {
      await flush();
      const cache = open(t, { ...ALWAYS, fleet });
      assert.equal(await cache.get("k", () => null), null);
      await cache.set("k", "old", DUE);
      let calls = 0;
      const nothing = () => {
        calls++;
        return null;
      };
      assert.equal(await cache.get("k", nothing), "old");
      await waitFor("compute", () => calls === 1);
      assert.equal(await cache.get("k", nothing), "old");
      assert.equal(cache.stats.refreshErrors, 0);
    });
  }

  test("with the fleet, one process waits for another's missing value, and leaves a refresh to it", async (t) => {
    await flush();
    const [one, other] = [0, 1].map(() => open(t, { ...ALWAYS, fleet: FLEET }));
    const held = heldCompute();
    const computing = one!.get("k", held.compute);
    await waitFor("compute", () => held.calls() === 1);
    const waiting = other!.get("k", never);
    held.resolve("v");
    assert.deepEqual(await Promise.all([computing, waiting]), ["v", "v"]);
    await one!.set("k", "old", DUE);
    const again = heldCompute();
    await one!.get("k", again.compute);
    await waitFor("the lock", async () => (await command(server.port, ["EXISTS", lockOf("k")])) === 1);
    assert.equal(await other!.get("k", never), "old");
    await waitFor("the other's answer", () => other!.stats.leftToOthers === 1);
    assert.equal(await other!.refresh("k", never), false);
    again.resolve("new");
    await waitFor("the new value", async () => (await other!.peek("k")).value === "new");
  });

  test("with the fleet, nobody recomputes what was refreshed since he read it", async (t) => {
    await flush();
    const redis = ioredisAt(t, server.port);
    const cache = cacheOver(t, redis, { ...ALWAYS, fleet: FLEET });
    await cache.set("k", "old", { ...DUE, ttlMs: 50_000 });
    const openGate = gateTake(redis);
    assert.equal(await cache.get("k", never), "old");
    await open(t).set("k", "new", { ...DUE, ttlMs: 100_000 });
    openGate();
    await waitFor("the lock's answer", () => cache.stats.leftToOthers === 1);
  });

  test("with the fleet, what is closed before it has the lock computes nothing, and leaves no lock", async (t) => {
    await flush();
    const redis = ioredisAt(t, server.port);
    const cache = cacheOver(t, redis, { ...ALWAYS, fleet: FLEET });
    await cache.set("k", "old", DUE);
    const openGate = gateTake(redis);
    const held = heldCompute();
    assert.equal(await cache.get("k", held.compute), "old");
    await command(server.port, ["CONFIG", "RESETSTAT"]);
    cache.close();
    openGate();
    // That is told when the lock is given back.
    await waitFor("the lock's end", async () => {
      const stats = String(await command(server.port, ["INFO", "commandstats"]));
      return stats.includes("cmdstat_publish") && (await command(server.port, ["EXISTS", lockOf("k")])) === 0;
    });
    assert.equal(held.calls(), 0);
  });

  test("with the fleet, refresh that joins a miss does not call stored what another process has outdated", async (t) => {
    await flush();
    const [one, other] = [0, 1].map(() => open(t, { ...ALWAYS, fleet: FLEET }));
    const held = heldCompute();
    const missing = one!.get("k", held.compute);
    await waitFor("compute", () => held.calls() === 1);
    const refreshing = one!.refresh("k", never);
    await other!.delete("k");
    held.resolve("stale");
    assert.deepEqual([await missing, await refreshing], ["stale", false]);
    assert.equal((await other!.peek("k")).value, null);
  });

  test("a missing value is asked for again where a refresh of it was left to others", async (t) => {
    await flush();
    const cache = open(t, { ...ALWAYS, fleet: { lockTtlMs: 60_000, waitMs: 0 } });
    await command(server.port, ["SET", lockOf("k"), "of another process", "PX", 60_000]);
    await cache.set("other", "v", DUE);
    const refreshing = cache.refresh("k", never);
    assert.equal(await cache.get("k", () => "own"), "own");
    assert.equal(await refreshing, false);
  });

  test("a signal ends a caller's wait; compute is told when nobody waits any more", async (t) => {
    await flush();
    const cache = open(t);
    const held = heldCompute();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = cache.get("k", held.compute, { signal });
    waiting.catch(() => {});
    await waitFor("compute", () => held.calls() === 1);
    controller.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    await waitFor("compute to be told", () => held.signals[0]!.aborted);
    await assert.rejects(cache.get("k", never, { signal }), /enough/);
  });

  test("the close ends what goes on behind, quietly; who waits for a missing value still gets it", async (t) => {
    await flush();
    const cache = open(t, { ...ALWAYS, onError: () => assert.fail("told") });
    await cache.set("k", "old", DUE);
    const [behind, missing] = [heldCompute(), heldCompute()];
    await cache.get("k", behind.compute);
    const waiting = cache.get("missing", missing.compute);
    await waitFor("both", () => behind.calls() + missing.calls() === 2);
    cache.close();
    await waitFor("compute to be told", () => behind.signals[0]!.aborted);
    behind.reject(new Error("aborted"));
    missing.resolve("v");
    assert.equal(await waiting, "v");
    await assert.rejects(cache.get("k", never), /closed/);
    await assert.rejects(cache.peek("k"), /closed/);
    assert.equal(cache.stats.refreshErrors, 0);
  });

  test("keys and values of any bytes, empty values, prefixes, keys with braces", async (t) => {
    const prefixed = { keyPrefix: "app:" };
    const clients = [
      ioredisAt(t, server.port),
      ioredisAt(t, server.port, prefixed),
      await nodeRedisAt(t, server.port, prefixed),
    ];
    for (const redis of clients) {
      for (const fleet of [false, true]) {
        await flush();
        const cache = cacheOver(t, redis, { ...NEVER, fleet });
        for (const key of [NOT_UTF8, "a{b}", "{}", "a}b", "{x", "{{a}}"]) {
          assert.deepEqual(await cache.getBuffer(key, () => NOT_UTF8), NOT_UTF8);
          assert.deepEqual(await cache.getBuffer(key, never), NOT_UTF8);
          assert.deepEqual((await cache.peekBuffer(key)).value, NOT_UTF8);
        }
        assert.equal(await cache.get("empty", () => ""), "");
        assert.equal(await cache.get("empty", never), "");
        await cache.set(NOT_UTF8, "", { deltaMs: 0.5 });
        assert.deepEqual(await cache.getBuffer(NOT_UTF8, never), Buffer.alloc(0));
        assert.equal(await command(server.port, ["DBSIZE"]), 7);
      }
    }
    assert.equal(await command(server.port, ["EXISTS", "app:empty"]), 1);
  });

  test("a value that somebody else wrote is given as it is, and left alone", async (t) => {
    await flush();
    await command(server.port, ["SET", "k", "plain"]);
    const cache = open(t);
    assert.equal(await cache.get("k", never), "plain");
    const peeked = { value: "plain", shouldRefresh: false, ttlMs: null, deltaMs: null };
    assert.deepEqual(await cache.peek("k"), peeked);
  });

  test("SCRIPT FLUSH in the middle changes nothing, and what the server says against a key rejects", async (t) => {
    await flush();
    const cache = open(t, NEVER);
    await cache.get("k", () => "v");
    await command(server.port, ["SCRIPT", "FLUSH"]);
    assert.equal(await cache.get("k", never), "v");
    await command(server.port, ["LPUSH", "list", "x"]);
    await assert.rejects(cache.get("list", never), /WRONGTYPE/);
  });

  test("arguments are checked", async (t) => {
    const redis = ioredisAt(t, server.port);
    const options = (given: object) => () => new EarlyRefresh(redis, given as EarlyRefreshOptions);
    assert.throws(options({}), /^TypeError: ttlMs/);
    assert.throws(options({ ttlMs: -1 }), /^RangeError: ttlMs/);
    assert.throws(options({ ...TTL, beta: 0 }), /^RangeError: beta/);
    assert.throws(options({ ...TTL, beta: "1" }), /^TypeError: beta/);
    assert.throws(options({ ...TTL, fleet: 1 }), /^TypeError: fleet/);
    assert.throws(options({ ...TTL, fleet: { waitMs: -1 } }), /^RangeError: waitMs/);
    assert.throws(options({ ...TTL, onError: 1 }), /^TypeError: onError/);
    assert.throws(options({ ...TTL, betta: 1 }), /^TypeError: betta: no such option/);
    assert.throws(() => new EarlyRefresh({}, TTL), /^TypeError: redis/);
    const cache = cacheOver(t, redis);
    await assert.rejects(cache.get("", never), /^RangeError: key/);
    await assert.rejects(cache.get("k", "v" as never), /^TypeError: compute/);
    await assert.rejects(cache.get("k", never, { ttlMs: 0 }), /^RangeError: ttlMs/);
    await assert.rejects(cache.peek(1 as never), /^TypeError: key/);
    await assert.rejects(cache.set("k", 1 as never, DUE), /^TypeError: value/);
    await assert.rejects(cache.set("k", "v", {} as typeof DUE), /^TypeError: deltaMs/);
    await assert.rejects(cache.set("k", "v", { deltaMs: -1 }), /^RangeError: deltaMs/);
    await assert.rejects(
      cache.get("none", () => 1 as never),
      /^TypeError: compute: expected it to give/,
    );
  });
});

test("a server that goes away reaches callers as an error; nothing is computed without it", async (t) => {
  const server = await startRedis(t);
  const redis = ioredisAt(t, server.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
  const errors: unknown[] = [];
  const cache = cacheOver(t, redis, { ...ALWAYS, onError: (error) => errors.push(error) });
  await cache.set("k", "old", DUE);
  const [behind, missing] = [heldCompute(), heldCompute()];
  await cache.get("k", behind.compute);
  const waiting = cache.get("missing", missing.compute);
  waiting.catch(() => {});
  await waitFor("both", () => behind.calls() + missing.calls() === 2);
  await server.stop();
  await assert.rejects(cache.get("k", never));
  await assert.rejects(cache.peek("k"));
  await assert.rejects(cache.set("other", "v", DUE));
  behind.resolve("new");
  missing.resolve("v");
  await assert.rejects(waiting);
  await waitFor("the error behind", () => errors.length === 1);
  await startRedis(t, { port: server.port });
  await waitFor("the new server", async () => (await cache.get("k", () => "again")) === "again");
});

test("a cluster: both drivers, each process by itself and with the fleet", async (t) => {
  const servers: TestCluster = await startRedisCluster(t);
  const clients = [ioredisOver(t, servers), await nodeRedisOver(t, servers)];
  for (const fleet of [false, FLEET]) {
    const caches = clients.map((redis) => cacheOver(t, redis, { ...ALWAYS, fleet }));
    for (const key of ["plain", "{tag}:key", "a}b", "{}", "{open", NOT_UTF8]) {
      const [one, other] = [caches[0]!, caches[1]!];
      await one.set(key, "old", DUE);
      const held = heldCompute();
      assert.equal(await one.get(key, held.compute), "old");
      await waitFor("compute", () => held.calls() === 1);
      if (fleet !== false) assert.equal(await other.refresh(key, never), false);
      held.resolve("new");
      await waitFor("the new value", async () => (await other.peek(key)).value === "new");
      await one.delete(key);
      assert.equal(await other.get(key, () => "missing"), "missing");
    }
  }
});

test("a process ends by itself while a refresh goes on behind, and without a close", async (t) => {
  const server = await startRedis(t);
  const url = (path: string) => JSON.stringify(import.meta.resolve(path));
  const script = `
    import { Redis } from ${url("ioredis")};
    import { EarlyRefresh } from ${url("../../src/client/remedies/early-refresh.ts")};
    const redis = new Redis(${server.port}, "127.0.0.1");
    const cache = new EarlyRefresh(redis, { ttlMs: 100_000, beta: 1e12, fleet: true });
    await cache.set("k", "old", { deltaMs: 1000 });
    const { promise: begun, resolve } = Promise.withResolvers();
    process.stdout.write(await cache.get("k", () => {
      resolve();
      return new Promise(() => {});
    }));
    await begun;
    redis.disconnect();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 60_000,
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  assert.equal(stdout, "old");
});
