import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { AbstractConnector, type Redis } from "ioredis";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import type { LocalCacheOptions, TrackingOptions } from "../../src/client/remedies/local-cache-options.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { command, startRedis, TestConnection, type TestServer, waitFor } from "../support/redis.ts";
import { ioredisAt, nodeRedisAt } from "../support/remedy-clients.ts";

/** Longer than any test: what is new has come by tracking. */
const TTL_MS = 600_000;
const MODES = ["default", "broadcast"] as const;
const CHANNEL = "__redis__:invalidate";
const NOT_UTF8 = Buffer.from([0xff, 0x00]);

function trackedCache(t: TestContext, redis: Redis, tracking: TrackingOptions, more: LocalCacheOptions = {}) {
  const cache = new LocalCache(redis, { ttlMs: TTL_MS, hotThreshold: 1, tracking, ...more });
  t.after(() => cache.close());
  return cache;
}

async function isTracked(cache: LocalCache): Promise<void> {
  await waitFor("tracking", () => cache.stats.tracking === "on");
}

type Get = (key: string) => Promise<string | null>;

/** Until the key's value is kept: tracking that has just begun may forget it once more. */
async function keep(get: Get, key: string, port: number): Promise<void> {
  await waitFor(`${key} to be kept`, async () => {
    const before = String(await command(port, ["INFO", "commandstats"])).match(/cmdstat_get:calls=\d+/)?.[0];
    await get(key);
    const now = String(await command(port, ["INFO", "commandstats"])).match(/cmdstat_get:calls=\d+/)?.[0];
    return before !== undefined && before === now;
  });
}

async function listeningIds(port: number): Promise<string[]> {
  const lines = String(await command(port, ["CLIENT", "LIST"])).split("\n");
  return lines.filter((line) => / sub=[1-9]/.test(line)).map((line) => /id=(\d+)/.exec(line)?.[1] ?? "");
}

/** Closes the listening connections, and writes before any can be back. */
async function writeUnheard(port: number, key: string, value: string): Promise<void> {
  const ids = await listeningIds(port);
  assert.ok(ids.length > 0, "nobody listens");
  using connection = await TestConnection.open(port);
  const words = [...ids.map((id) => ["CLIENT", "KILL", "ID", id]), ["SET", key, value]];
  await connection.command(["MULTI"]);
  for (const one of words) await connection.command(one);
  await connection.command(["EXEC"]);
  await waitFor("them to be gone", async () => !(await listeningIds(port)).some((id) => ids.includes(id)));
}

/** Drops what the server names, and thinks of nothing else. */
async function naiveCache(t: TestContext, port: number): Promise<Get> {
  const redis = ioredisAt(t, port);
  const listening = ioredisAt(t, port, { protocol: 2, autoResubscribe: false });
  const kept = new Map<string, string | null>();
  listening.on("messageBuffer", (_channel, keys: unknown) => {
    for (const key of Array.isArray(keys) ? keys : []) kept.delete(String(key));
  });
  listening.on("ready", async () => {
    await listening.client("TRACKING", "ON", "REDIRECT", await listening.client("ID"), "BCAST");
    await listening.subscribe(CHANNEL);
  });
  await waitFor("it to listen", async () => (await listeningIds(port)).length > 0);
  return async (key) => {
    if (!kept.has(key)) kept.set(key, await redis.get(key));
    return kept.get(key) ?? null;
  };
}

/** A write is not heard of, as the listening connection is lost. Returns what is read once it is back. */
async function readAfterLoss(
  port: number,
  get: Get,
  isBack: () => boolean | Promise<boolean>,
): Promise<string | null> {
  await command(port, ["SET", "lossy", "old"]);
  await keep(get, "lossy", port);
  await writeUnheard(port, "lossy", "new");
  await waitFor("it to listen again", isBack);
  return await get("lossy");
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  for (const mode of MODES) {
    test(`${mode}: a write by anybody is seen, of a value, of a null, and of bytes`, async (t) => {
      const cache = trackedCache(t, ioredisAt(t, server.port), { mode });
      await isTracked(cache);
      for (const key of ["written", NOT_UTF8, "{tag}:é"]) {
        await command(server.port, ["DEL", key]);
        await keep(() => cache.get(key), String(key), server.port);
        assert.equal(await cache.get(key), null);
        for (const value of ["1", "", "3"]) {
          await command(server.port, ["SET", key, value]);
          await waitFor("the write", async () => (await cache.get(key)) === value);
          await keep(() => cache.get(key), String(key), server.port);
        }
        await command(server.port, ["PEXPIRE", key, 1]);
        await waitFor("its end", async () => (await cache.get(key)) === null);
      }
      assert.ok(cache.stats.invalidations >= 9, `${cache.stats.invalidations}`);
    });

    test(`${mode}: with options of the client's that change how commands are sent and answered`, async (t) => {
      const options = { enableAutoPipelining: true, stringNumbers: true, showFriendlyErrorStack: true };
      const cache = trackedCache(t, ioredisAt(t, server.port, options), { mode });
      await isTracked(cache);
      await cache.set("sent", "1");
      await keep((key) => cache.get(key), "sent", server.port);
      await command(server.port, ["SET", "sent", "2"]);
      await waitFor("the write", async () => (await cache.get("sent")) === "2");
      assert.equal(await cache.delete("sent"), true);
    });

    test(`${mode}: with a prefix of the client's, and FLUSHALL`, async (t) => {
      const cache = trackedCache(t, ioredisAt(t, server.port, { keyPrefix: "app:" }), { mode });
      await isTracked(cache);
      await command(server.port, ["SET", "app:a", "1"]);
      await waitFor("the value", async () => (await cache.get("a")) === "1");
      await keep((key) => cache.get(key), "a", server.port);
      await command(server.port, ["SET", "app:a", "2"]);
      await waitFor("the write", async () => (await cache.get("a")) === "2");
      await keep((key) => cache.get(key), "a", server.port);
      await command(server.port, ["FLUSHALL"]);
      await waitFor("the flush", async () => (await cache.get("a")) === null);
    });

    test(`${mode}: a write while the listening connection is lost is not missed, as a naive cache misses it`, async (t) => {
      const { port } = server;
      const cache = trackedCache(t, ioredisAt(t, port), { mode });
      await isTracked(cache);
      const isBack = () => cache.stats.tracking === "on" && cache.stats.flushes >= 3;
      assert.equal(await readAfterLoss(port, (key) => cache.get(key), isBack), "new");
      await keep((key) => cache.get(key), "lossy", port);
      await command(port, ["SET", "lossy", "newer"]);
      await waitFor("invalidations again", async () => (await cache.get("lossy")) === "newer");
      cache.close();
      assert.equal(cache.stats.tracking, "off");
      await waitFor("it to be gone", async () => (await listeningIds(port)).length === 0);
      const naive = await naiveCache(t, port);
      const listensAgain = async () => (await listeningIds(port)).length > 0;
      assert.equal(await readAfterLoss(port, naive, listensAgain), "old");
    });

    test(`${mode}: half-open connections are noticed within seconds`, async (t) => {
      const proxy: TestProxy = await startProxy(t, server.port);
      const redis = ioredisAt(t, Number(proxy.address.split(":")[1]));
      const cache = trackedCache(t, redis, { mode });
      await isTracked(cache);
      await command(server.port, ["SET", "half", "old"]);
      await waitFor("the value", async () => (await cache.get("half")) === "old");
      await keep((key) => cache.get(key), "half", server.port);
      const { flushes } = cache.stats;
      proxy.freeze();
      const startMs = performance.now();
      // The app's own connection is not what is looked at here.
      redis.disconnect(true);
      await command(server.port, ["SET", "half", "new"]);
      assert.equal(await cache.get("half"), "old");
      await waitFor("the flush", () => cache.stats.flushes > flushes);
      const afterMs = performance.now() - startMs;
      assert.ok(afterMs > 500 && afterMs < 10_000, `after ${afterMs} ms`);
      assert.equal(await cache.get("half"), "new");
      await isTracked(cache);
    });
  }

  test("a read on a half-open connection is answered by the app's own", async (t) => {
    const proxy = await startProxy(t, server.port);
    const redis = ioredisAt(t, Number(proxy.address.split(":")[1]));
    const cache = trackedCache(t, redis, { mode: "default" });
    await isTracked(cache);
    await command(server.port, ["SET", "stuck", "1"]);
    proxy.freeze();
    redis.disconnect(true);
    assert.equal(await cache.get("stuck"), "1");
  });

  test("broadcast tells of keys with the prefixes alone; the others go by their TTL", async (t) => {
    const redis = ioredisAt(t, server.port, { keyPrefix: "p:" });
    const cache = trackedCache(t, redis, { mode: "broadcast", prefixes: ["user:", "item:"] });
    await isTracked(cache);
    for (const key of ["user:1", "item:1", "other"]) {
      await command(server.port, ["SET", `p:${key}`, "old"]);
      await waitFor("the value", async () => (await cache.get(key)) === "old");
      await keep((name) => cache.get(name), key, server.port);
    }
    for (const key of ["other", "item:1", "user:1"]) await command(server.port, ["SET", `p:${key}`, "new"]);
    for (const key of ["user:1", "item:1"]) {
      await waitFor("the write", async () => (await cache.get(key)) === "new");
    }
    assert.equal(await cache.get("other"), "old");
  });

  test("the server remembers hot keys alone in the default mode, and none in broadcast", async (t) => {
    const tracked = async () => {
      const text = String(await command(server.port, ["INFO", "stats"]));
      return Number(/tracking_total_keys:(\d+)/.exec(text)?.[1]);
    };
    const cache = trackedCache(t, ioredisAt(t, server.port), { mode: "default" }, { hotThreshold: 100 });
    await isTracked(cache);
    await command(server.port, ["FLUSHALL"]);
    for (let i = 0; i < 50; i++) await cache.get(`cold:${i}`);
    const before = await tracked();
    for (let i = 0; i < 100; i++) void cache.get("hot");
    await cache.get("hot");
    assert.equal(before, 0);
    assert.equal(await tracked(), 1);
  });

  test("who may not track is told so once, reads by TTL, and is tracked as soon as it may", async (t) => {
    const { port } = server;
    await command(port, ["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-client|tracking"]);
    const warned = once(process, "warning");
    const redis = ioredisAt(t, port, { username: "app", password: "pw" });
    const cache = trackedCache(t, redis, { mode: "broadcast" });
    const [warning] = await warned;
    assert.equal(warning.code, "KEYHEAT_TRACKING");
    assert.match(warning.message, /NOPERM/);
    await waitFor("the refusal", () => cache.stats.tracking === "refused");
    await cache.get("a");
    await cache.get("a");
    assert.equal(cache.stats.hits, 1);
    await command(port, ["ACL", "SETUSER", "app", "+client|tracking"]);
    await isTracked(cache);
  });

  test("the rights that the documentation names are enough", async (t) => {
    const rights = ["+get", "+set", "+del", "+client|tracking", "+client|id", "+subscribe", "+ping", "+info"];
    const user = ["narrow", "on", ">pw", "~*", "resetchannels", `&${CHANNEL}`, "-@all", ...rights];
    await command(server.port, ["ACL", "SETUSER", ...user]);
    for (const mode of MODES) {
      const redis = ioredisAt(t, server.port, { username: "narrow", password: "pw", protocol: 2 });
      const cache = trackedCache(t, redis, { mode });
      await isTracked(cache);
      await cache.set("narrow", mode);
      assert.equal(await cache.get("narrow"), mode);
    }
  });

  test("tracking needs ioredis", async (t) => {
    const redis = await nodeRedisAt(t, server.port);
    assert.throws(
      () => new LocalCache(redis, { tracking: true }),
      /^TypeError: tracking: expected a client of ioredis/,
    );
  });

  test("neither its timers nor its connections keep a process alive, closed or not", async () => {
    for (const ending of ["", "cache.close();"]) {
      const program = `
        import { Redis } from "ioredis";
        import { LocalCache } from ${JSON.stringify(new URL("../../src/client/remedies/local-cache.ts", import.meta.url))};
        const redis = new Redis(${server.port}, "127.0.0.1");
        const cache = new LocalCache(redis, { hotThreshold: 1, tracking: true });
        while (cache.stats.tracking !== "on") await redis.ping();
        await cache.get("a");
        ${ending}
        redis.disconnect();`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
      assert.deepEqual(await once(child, "exit"), [0, null]);
    }
  });
});

test("a server that comes back tells of writes again, and what it held before is forgotten", async (t) => {
  const server = await startRedis(t);
  const redis = ioredisAt(t, server.port);
  const cache = trackedCache(t, redis, { mode: "default" });
  await isTracked(cache);
  await cache.set("a", "1");
  await cache.get("a");
  await server.stop();
  await waitFor("the loss", () => cache.stats.tracking === "lost");
  await startRedis(t, { port: server.port });
  assert.equal(await cache.get("a"), null);
  await isTracked(cache);
  await keep((key) => cache.get(key), "a", server.port);
  await command(server.port, ["SET", "a", "2"]);
  await waitFor("the write", async () => (await cache.get("a")) === "2");
});

test("connections that reach two servers, as during a failover, are given up and made anew", async (t) => {
  const [one, other] = [await startRedis(t), await startRedis(t)];
  await command(one.port, ["SET", "a", "one"]);
  await command(other.port, ["SET", "a", "other"]);
  // Whatever number the listening connection has: there is a client of that number at the other server.
  for (let i = 0; i < 50; i++) {
    const connection = await TestConnection.open(other.port);
    t.after(() => connection[Symbol.dispose]());
  }
  // The app's own, the one that listens, the one that reads.
  const ports = [one.port, one.port, other.port];
  class Changing extends AbstractConnector {
    constructor() {
      super(1000);
    }
    async connect(): Promise<Socket> {
      this.connecting = true;
      const socket = connect({ host: "127.0.0.1", port: ports.shift() ?? one.port });
      this.stream = socket;
      return socket;
    }
  }
  const redis = ioredisAt(t, one.port, { Connector: Changing });
  await redis.ping();
  const cache = trackedCache(t, redis, { mode: "default" });
  await isTracked(cache);
  assert.equal(await cache.get("a"), "one");
  await keep((key) => cache.get(key), "a", one.port);
  await command(one.port, ["SET", "a", "new"]);
  await waitFor("the write", async () => (await cache.get("a")) === "new");
});
