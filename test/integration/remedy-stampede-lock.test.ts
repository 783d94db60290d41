import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createClientPool } from "redis";
import { commandsOf } from "../../src/client/remedies/commands.ts";
import type { Compute } from "../../src/client/remedies/computed-value.ts";
import { FleetLock } from "../../src/client/remedies/fleet-lock/fleet-lock.ts";
import { FleetMiss } from "../../src/client/remedies/fleet-lock/fleet-miss.ts";
import { LockNews } from "../../src/client/remedies/fleet-lock/lock-news.ts";
import { lockNameOf, lockPlaceOf } from "../../src/client/remedies/fleet-lock/lock-place.ts";
import { subscriptionsOf } from "../../src/client/remedies/fleet-lock/subscription.ts";
import { StampedeLock, type StampedeLockOptions } from "../../src/client/remedies/stampede-lock.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const TTL = { ttlMs: 100_000 };
const LONG = { waitMs: 60_000, lockTtlMs: 60_000 };
const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x7d, 0x0d, 0x0a, 0x7b]);

const lockOf = (key: string | Buffer) => lockNameOf(Buffer.from(key));
const channelOf = (key: string) => lockPlaceOf(key, Buffer.alloc(0)).channel;

/** A `compute` that ends when told to, and counts. */
function heldCompute() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let calls = 0;
  const compute: Compute<string> = () => {
    calls++;
    return promise;
  };
  return { compute, resolve, reject, calls: () => calls };
}

function lockOver(t: TestContext, redis: object, options?: StampedeLockOptions): StampedeLock {
  const lock = new StampedeLock(redis, options);
  t.after(() => lock.close());
  return lock;
}

/** What a fleet's processes have, each. */
interface Cache {
  get(key: string, compute: () => Promise<string>): Promise<string>;
}

function lockCache(t: TestContext, redis: object): Cache {
  const lock = lockOver(t, redis, LONG);
  return { get: (key, compute) => lock.get(key, compute, TTL) };
}

/** Get, compute, set: as caches are often written. */
function naiveCache(t: TestContext, port: number): Cache {
  const redis = ioredisAt(t, port);
  return {
    get: async (key, compute) => {
      const found = await redis.get(key);
      if (found !== null) return found;
      const value = await compute();
      await redis.set(key, value, "PX", TTL.ttlMs);
      return value;
    },
  };
}

/** 1,000 callers of a missing value, evenly over the caches. Returns: how often it was computed. */
async function stampede(caches: readonly Cache[]): Promise<number> {
  let computes = 0;
  const compute = async () => {
    computes++;
    // Long enough that all the others have asked.
    await new Promise((resolve) => setTimeout(resolve, 300));
    return "value";
  };
  const calls = Array.from({ length: 1000 }, (_, i) => caches[i % caches.length]!.get("hot", compute));
  const values = await Promise.all(calls);
  assert.deepEqual([...new Set(values)], ["value"]);
  return computes;
}

/** Time stands still for who waits: only a message can end that. */
async function isTold(t: TestContext, [holder, waiter]: [object, object], ports: readonly number[]) {
  const clock = new SimulatedClock();
  const lock = new FleetLock(commandsOf(waiter), 60_000);
  const news = new LockNews(subscriptionsOf(waiter), { idle: clock, wait: clock });
  t.after(() => news.close());
  const miss = new FleetMiss({ lock, news, waitMs: 60_000, clock });
  const held = heldCompute();
  const computing = lockOver(t, holder, LONG).get("told", held.compute, TTL);
  await waitFor("the holder", () => held.calls() === 1);
  const waiting = miss.get("told", () => assert.fail("computed twice"), new AbortController().signal);
  await waitFor("a subscription", async () => {
    const counts = await Promise.all(
      ports.map((port) => command(port, ["PUBSUB", "NUMSUB", channelOf("told")])),
    );
    return counts.some((count) => Array.isArray(count) && count[1] === 1);
  });
  held.resolve("v");
  assert.deepEqual([await computing, String((await waiting).value)], ["v", "v"]);
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());
  const flush = () => command(server.port, ["FLUSHALL"]);

  test("1,000 callers in one process compute once", async (t) => {
    await flush();
    assert.equal(await stampede([lockCache(t, ioredisAt(t, server.port))]), 1);
  });

  test("1,000 callers of 8 connections, of both drivers, compute once; without a lock they all do", async (t) => {
    await flush();
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        i % 2 === 0 ? ioredisAt(t, server.port) : nodeRedisAt(t, server.port),
      ),
    );
    assert.equal(await stampede(clients.map((redis) => lockCache(t, redis))), 1);
    await flush();
    const naive = Array.from({ length: 8 }, () => naiveCache(t, server.port));
    assert.ok((await stampede(naive)) > 100);
  });

  for (const driver of ["ioredis", "ioredis with RESP2", "node-redis"] as const) {
    test(`${driver}: who waits is told when the value is there, and no lock is left`, async (t) => {
      await flush();
      const protocol = driver === "ioredis" ? 3 : 2;
      const open = () =>
        driver === "node-redis" ? nodeRedisAt(t, server.port) : ioredisAt(t, server.port, { protocol });
      await isTold(t, [await open(), await open()], [server.port]);
      assert.deepEqual(await command(server.port, ["KEYS", "*"]), [Buffer.from("told")]);
      assert.ok(Number(await command(server.port, ["PTTL", "told"])) > 90_000);
    });
  }

  test("a pool of node-redis, which cannot subscribe, waits all the same", async (t) => {
    await flush();
    const pool = createClientPool({ socket: { host: "127.0.0.1", port: server.port } });
    pool.on("error", () => {});
    await pool.connect();
    t.after(() => pool.destroy());
    const [holder, waiter] = [lockOver(t, ioredisAt(t, server.port), LONG), lockOver(t, pool, LONG)];
    const held = heldCompute();
    const computing = holder.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    const waiting = waiter.get("k", () => assert.fail("computed twice"), TTL);
    await waitFor("the wait", () => waiter.stats.waited === 1);
    held.resolve("v");
    assert.deepEqual(await Promise.all([computing, waiting]), ["v", "v"]);
  });

  test("an error of compute reaches the callers of its process and frees the lock at once; one who waits elsewhere tries", async (t) => {
    await flush();
    const [first, second] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port), LONG));
    const [failing, working] = [heldCompute(), heldCompute()];
    const calls = [first!.get("k", failing.compute, TTL), first!.get("k", failing.compute, TTL)];
    const settled = Promise.allSettled(calls);
    await waitFor("the holder", () => failing.calls() === 1);
    const waiting = second!.get("k", working.compute, TTL);
    await waitFor("the wait", () => second!.stats.waited === 1);
    failing.reject(new Error("no database"));
    for (const result of await settled) {
      assert.match(String(result.status === "rejected" && result.reason), /no database/);
    }
    await waitFor("the other's try", () => working.calls() === 1);
    working.resolve("v");
    assert.equal(await waiting, "v");
    // Nobody waits here: the lock is free when the caller has the error.
    await assert.rejects(
      first!.get("k2", () => Promise.reject(new Error("no")), TTL),
      /no/,
    );
    assert.equal(await command(server.port, ["EXISTS", lockOf("k2")]), 0);
  });

  /** How a lock is taken and given back. */
  interface Mutex {
    acquire(): Promise<boolean>;
    release(): Promise<void>;
  }

  /** One holds the lock past its time, another takes it. Returns: whether it is still the other's after the first release. */
  async function survivesStranger(first: Mutex, second: Mutex, lockKey: Buffer): Promise<boolean> {
    assert.equal(await first.acquire(), true);
    await command(server.port, ["PEXPIRE", lockKey, 0]);
    assert.equal(await second.acquire(), true);
    await first.release();
    return (await command(server.port, ["EXISTS", lockKey])) === 1;
  }

  test("who held a lock past its time takes nothing from the next; a plain DEL does", async (t) => {
    await flush();
    const mutexOf = (lock: StampedeLock): Mutex => {
      const held = heldCompute();
      let call: Promise<string>;
      return {
        acquire: async () => {
          call = lock.get("k", held.compute, TTL);
          return Boolean(await waitFor("the lock", () => held.calls() === 1));
        },
        release: async () => {
          held.resolve("v");
          await call;
        },
      };
    };
    const [first, second] = [0, 1].map(() => mutexOf(lockOver(t, ioredisAt(t, server.port), LONG)));
    assert.equal(await survivesStranger(first!, second!, lockOf("k")), true);
    assert.equal(await command(server.port, ["EXISTS", "k"]), 0);
    await second!.release();
    assert.equal(await command(server.port, ["EXISTS", lockOf("k")]), 0);
    const redis = ioredisAt(t, server.port);
    const naive: Mutex = {
      acquire: async () => (await redis.set(lockOf("naive"), "1", "PX", 60_000, "NX")) === "OK",
      release: async () => {
        await redis.del(lockOf("naive"));
      },
    };
    assert.equal(await survivesStranger(naive, naive, lockOf("naive")), false);
  });

  test("a holder that stood still past his lock's time gives his value to his callers and overwrites no newer one", async (t) => {
    await flush();
    const [first, second] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port), LONG));
    const held = heldCompute();
    const old = first!.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    await command(server.port, ["DEL", lockOf("k")]);
    assert.equal(await second!.get("k", () => "new", TTL), "new");
    held.resolve("old");
    assert.equal(await old, "old");
    assert.equal(String(await command(server.port, ["GET", "k"])), "new");
    assert.equal(first!.stats.notStored, 1);
  });

  test("what the app deletes or sets while it is computed is not overwritten", async (t) => {
    await flush();
    const [first, second] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port), LONG));
    const held = heldCompute();
    const computing = first!.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    assert.equal(await second!.delete("k"), false);
    // The lock went with it: nobody waits for what is out of date.
    assert.equal(await second!.get("k", () => "fresh", TTL), "fresh");
    held.resolve("stale");
    assert.equal(await computing, "stale");
    assert.equal(await first!.get("k", () => assert.fail("computed"), TTL), "fresh");
    assert.equal(await first!.delete("k"), true);
    const again = heldCompute();
    const overtaken = first!.get("k", again.compute, TTL);
    await waitFor("the holder", () => again.calls() === 1);
    await command(server.port, ["SET", "k", "set"]);
    again.resolve("computed");
    assert.equal(await overtaken, "computed");
    assert.equal(String(await command(server.port, ["GET", "k"])), "set");
    assert.equal(await command(server.port, ["EXISTS", lockOf("k")]), 0);
  });

  test("the lock is extended while computing, and not longer", async (t) => {
    await flush();
    const clock = new SimulatedClock();
    const lock = new FleetLock(commandsOf(ioredisAt(t, server.port)), 60_000, clock);
    const acquired = await lock.acquire(lock.placeOf("k"), "mine");
    assert.equal(acquired.value, null);
    const held = heldCompute();
    const computing = lock.computeHolding(acquired.hold!, async () => ({
      value: await held.compute({ signal: new AbortController().signal }),
      ttlMs: 100_000,
      onlyNew: true,
    }));
    for (const _ of ["once", "and again"]) {
      await command(server.port, ["PEXPIRE", lockOf("k"), 30_000]);
      await waitFor("the next renewal", () => clock.waiting === 1);
      clock.advance(20_000);
      await waitFor("more time", async () => {
        return Number(await command(server.port, ["PTTL", lockOf("k")])) > 30_000;
      });
    }
    held.resolve("v");
    assert.equal((await computing).isStored, true);
    assert.equal(clock.waiting, 0);
    assert.equal(await command(server.port, ["EXISTS", lockOf("k")]), 0);
  });

  test("a lock that nobody holds any more is taken when its time is over", async (t) => {
    await flush();
    const lock = lockOver(t, ioredisAt(t, server.port), LONG);
    await lock.get("connected", () => "v", TTL);
    const started = performance.now();
    await command(server.port, ["SET", lockOf("k"), "of a dead process", "PX", 2000]);
    assert.equal(await lock.get("k", () => "v", TTL), "v");
    assert.ok(performance.now() - started > 1900);
    assert.deepEqual([lock.stats.computed, lock.stats.waited, lock.stats.computedAnyway], [2, 1, 0]);
  });

  test("after waitMs a caller computes himself; the first of the two stores, the other does not", async (t) => {
    await flush();
    const holder = lockOver(t, ioredisAt(t, server.port), LONG);
    const impatient = lockOver(t, ioredisAt(t, server.port), { ...LONG, waitMs: 200 });
    const held = heldCompute();
    const computing = holder.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    const started = performance.now();
    assert.equal(await impatient.get("k", () => "own", TTL), "own");
    assert.ok(performance.now() - started >= 199);
    assert.equal(String(await command(server.port, ["GET", "k"])), "own");
    held.resolve("late");
    assert.equal(await computing, "late");
    assert.equal(String(await command(server.port, ["GET", "k"])), "own");
    assert.deepEqual([impatient.stats.computedAnyway, holder.stats.notStored], [1, 1]);
    // His error does not free a lock that is not his.
    const second = heldCompute();
    const next = holder.get("k2", second.compute, TTL);
    await waitFor("the holder", () => second.calls() === 1);
    await assert.rejects(
      impatient.get("k2", () => Promise.reject(new Error("no")), TTL),
      /no/,
    );
    assert.equal(await command(server.port, ["EXISTS", lockOf("k2")]), 1);
    second.resolve("v");
    await next;
    assert.equal(String(await command(server.port, ["GET", "k2"])), "v");
  });

  test("a signal ends a wait; compute is told when nobody waits any more, and the lock is free then", async (t) => {
    await flush();
    const [first, second] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port), LONG));
    const compute: Compute<string> = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const [mine, theirs] = [new AbortController(), new AbortController()];
    const computing = first!.get("k", compute, { ...TTL, signal: mine.signal });
    computing.catch(() => {});
    await waitFor("the lock", async () => (await command(server.port, ["EXISTS", lockOf("k")])) === 1);
    const waiting = second!.get("k", () => "v", { ...TTL, signal: theirs.signal });
    waiting.catch(() => {});
    await waitFor("the wait", () => second!.stats.waited === 1);
    theirs.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    mine.abort(new Error("enough here too"));
    await assert.rejects(computing, /enough here too/);
    await waitFor("the lock's end", async () => (await command(server.port, ["EXISTS", lockOf("k")])) === 0);
    await assert.rejects(
      first!.get("k", compute, { ...TTL, signal: AbortSignal.abort(new Error("no")) }),
      /no/,
    );
  });

  test("null is given and not cached, and frees the lock; anything but text and bytes is refused", async (t) => {
    await flush();
    const lock = lockOver(t, ioredisAt(t, server.port));
    assert.equal(await lock.get("k", () => null, TTL), null);
    assert.equal(await command(server.port, ["DBSIZE"]), 0);
    for (const wrong of [undefined, 1, {}]) {
      const compute = () => wrong as unknown as string;
      await assert.rejects(lock.get("k", compute, TTL), /^TypeError: compute: expected it to give/);
    }
    assert.equal(await command(server.port, ["DBSIZE"]), 0);
  });

  test("keys and values of any bytes, empty values, prefixes, keys with braces", async (t) => {
    await flush();
    const prefixed = { keyPrefix: "app:" };
    const clients = [
      ioredisAt(t, server.port),
      ioredisAt(t, server.port, prefixed),
      await nodeRedisAt(t, server.port, prefixed),
    ];
    for (const redis of clients) {
      await flush();
      const lock = lockOver(t, redis);
      for (const key of [NOT_UTF8, "a{b}", "{}", "a}b", "{x", "{{a}}"]) {
        assert.deepEqual(await lock.getBuffer(key, () => NOT_UTF8, TTL), NOT_UTF8);
        assert.deepEqual(await lock.getBuffer(key, () => assert.fail("computed"), TTL), NOT_UTF8);
      }
      assert.equal(await lock.get("empty", () => "", TTL), "");
      assert.equal(await lock.get("empty", () => assert.fail("computed"), TTL), "");
      assert.equal(await command(server.port, ["DBSIZE"]), 7);
    }
    assert.equal(String(await command(server.port, ["GET", "app:empty"])), "");
  });

  test("callers of one flight get bytes of their own", async (t) => {
    await flush();
    const lock = lockOver(t, ioredisAt(t, server.port));
    const held = heldCompute();
    const calls = [0, 1].map(() => lock.getBuffer("k", held.compute, TTL));
    held.resolve("v");
    const [one, other] = await Promise.all(calls);
    one![0] = 0;
    assert.equal(other!.toString(), "v");
  });

  test("SCRIPT FLUSH in the middle changes nothing", async (t) => {
    await flush();
    const lock = lockOver(t, ioredisAt(t, server.port));
    const held = heldCompute();
    const computing = lock.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    await command(server.port, ["SCRIPT", "FLUSH"]);
    held.resolve("v");
    assert.equal(await computing, "v");
    assert.deepEqual(await command(server.port, ["KEYS", "*"]), [Buffer.from("k")]);
  });

  test("a user who may neither subscribe nor publish waits all the same", async (t) => {
    await flush();
    await command(server.port, ["ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "resetchannels"]);
    const account = { username: "mute", password: "secret" };
    const [holder, waiter] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port, account), LONG));
    const held = heldCompute();
    const computing = holder!.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    const waiting = waiter!.get("k", () => assert.fail("computed twice"), TTL);
    await waitFor("the wait", () => waiter!.stats.waited === 1);
    held.resolve("v");
    assert.deepEqual(await Promise.all([computing, waiting]), ["v", "v"]);
  });

  test("who waits goes on when his second connection is lost", async (t) => {
    await flush();
    const [holder, waiter] = [0, 1].map(() => lockOver(t, ioredisAt(t, server.port), LONG));
    const held = heldCompute();
    const computing = holder!.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    const waiting = waiter!.get("k", () => assert.fail("computed twice"), TTL);
    await waitFor("a subscription", async () => {
      return Number(await command(server.port, ["CLIENT", "KILL", "TYPE", "pubsub"])) > 0;
    });
    held.resolve("v");
    assert.deepEqual(await Promise.all([computing, waiting]), ["v", "v"]);
  });

  test("what the server says against a key rejects, and nothing is computed", async (t) => {
    await flush();
    await command(server.port, ["LPUSH", "list", "x"]);
    const lock = lockOver(t, ioredisAt(t, server.port));
    await assert.rejects(
      lock.get("list", () => assert.fail("computed"), TTL),
      /WRONGTYPE/,
    );
  });

  test("arguments are checked", async (t) => {
    const redis = ioredisAt(t, server.port);
    const options = (given: object) => () => new StampedeLock(redis, given);
    assert.throws(options({ lockTtlMs: 99 }), /^RangeError: lockTtlMs/);
    assert.throws(options({ waitMs: -1 }), /^RangeError: waitMs/);
    assert.throws(options({ waitMs: "1" }), /^TypeError: waitMs/);
    assert.throws(options({ wait: 1 }), /^TypeError: wait: no such option/);
    assert.throws(() => new StampedeLock({}), /^TypeError: redis/);
    const lock = lockOver(t, redis);
    const compute = () => "v";
    await assert.rejects(lock.get("", compute, TTL), /^RangeError: key/);
    await assert.rejects(lock.get("k", compute, { ttlMs: 0 }), /^RangeError: ttlMs/);
    await assert.rejects(lock.get("k", compute, {} as typeof TTL), /^TypeError: ttlMs/);
    await assert.rejects(lock.get("k", "v" as never, TTL), /^TypeError: compute/);
    await assert.rejects(lock.get("k", compute, { ...TTL, signal: 1 as never }), /^TypeError: signal/);
    lock.close();
    await assert.rejects(lock.get("k", compute, TTL), /closed/);
    await assert.rejects(lock.delete("k"), /closed/);
  });
});

test("a server that goes away reaches callers as an error; nothing is computed without it", async (t) => {
  const server = await startRedis(t);
  const redis = ioredisAt(t, server.port, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
  const lock = lockOver(t, redis, LONG);
  const held = heldCompute();
  const computing = lock.get("k", held.compute, TTL);
  computing.catch(() => {});
  await waitFor("the holder", () => held.calls() === 1);
  await server.stop();
  await assert.rejects(lock.get("other", () => assert.fail("computed"), TTL));
  held.resolve("v");
  // It could not be stored: that is said.
  await assert.rejects(computing);
  await startRedis(t, { port: server.port });
  await waitFor("the new server", async () => (await lock.get("k", () => "again", TTL)) === "again");
});

for (const driver of ["ioredis", "node-redis"] as const) {
  test(`${driver}: a process that has waited ends by itself, with the connection for waits open`, async (t) => {
    const server = await startRedis(t);
    const url = (path: string) => JSON.stringify(import.meta.resolve(path));
    const client =
      driver === "ioredis"
        ? `new (await import(${url("ioredis")})).Redis(${server.port}, "127.0.0.1")`
        : `await (await import(${url("redis")})).createClient({ url: "redis://127.0.0.1:${server.port}" }).connect()`;
    const script = `
      import { StampedeLock } from ${url("../../src/client/remedies/stampede-lock.ts")};
      const redis = ${client};
      const lock = new StampedeLock(redis, { waitMs: 60_000 });
      process.stdout.write(await lock.get("k", () => "computed twice", { ttlMs: 100_000 }));
      ${driver === "ioredis" ? "redis.disconnect()" : "redis.destroy()"};
    `;
    const lock = lockOver(t, ioredisAt(t, server.port), LONG);
    const held = heldCompute();
    const computing = lock.get("k", held.compute, TTL);
    await waitFor("the holder", () => held.calls() === 1);
    const child = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 60_000,
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    await waitFor("a subscription", async () => {
      const reply = await command(server.port, ["PUBSUB", "NUMSUB", channelOf("k")]);
      return Array.isArray(reply) && reply[1] === 1;
    });
    held.resolve("v");
    assert.equal(await computing, "v");
    const releasedMs = performance.now();
    const { stdout } = await child;
    assert.equal(stdout, "v");
    // The connection closes after 10 s without need: the process did not wait for that.
    assert.ok(performance.now() - releasedMs < 9000);
  });
}

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());

  test("8 connections of both drivers compute once a key, whatever its braces", async (t) => {
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        i % 2 === 0 ? ioredisOver(t, servers) : nodeRedisOver(t, servers),
      ),
    );
    const locks = clients.map((redis) => lockOver(t, redis, LONG));
    const keys = ["plain", "{tag}:key", "a}b", "{}", "{open", NOT_UTF8];
    for (const [i, key] of keys.entries()) {
      const held = heldCompute();
      const calls = locks.map((lock) => lock.get(key, held.compute, TTL));
      await waitFor("one holder", () => held.calls() === 1);
      await waitFor(
        "the others",
        () => locks.reduce((sum, { stats }) => sum + stats.waited, 0) === 7 * (i + 1),
      );
      held.resolve("v");
      assert.deepEqual([...new Set(await Promise.all(calls))], ["v"]);
      assert.equal(held.calls(), 1);
    }
  });

  for (const driver of ["ioredis", "node-redis"] as const) {
    test(`${driver}: who waits is told by whatever node he listens to`, async (t) => {
      const open = () => (driver === "ioredis" ? ioredisOver(t, servers) : nodeRedisOver(t, servers));
      await command(servers.primaryOf("told").port, ["DEL", "told"]);
      const ports = servers.primaries.map(({ port }) => port);
      await isTold(t, [await open(), await open()], ports);
    });
  }
});
