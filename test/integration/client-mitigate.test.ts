import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, type TestContext, test } from "node:test";
import { Redis } from "ioredis";
import { observe } from "../../src/client/index.ts";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import { startHotSetAgent } from "../support/hot-set-agent.ts";
import { LONG_TTL_MS, mitigate } from "../support/mitigated.ts";
import { startProxy } from "../support/proxy.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { ioredisAt, nodeRedisAt } from "../support/remedy-clients.ts";

async function getsServed(port: number): Promise<number> {
  const text = String(await command(port, ["INFO", "commandstats"]));
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

/** A client with a library's class around it. */
class AppRedis extends Redis {
  async price(key: string): Promise<number> {
    return Number(await this.get(key));
  }
}

describe("reads of a leased key", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("are answered from memory, all others by the server, and each is counted once", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.mset("hot", "1", "cold", "2");
    const { agent, observation, isCooled, hits } = await mitigate(t, redis, ["hot"]);
    await isCooled(() => redis.get("hot"));
    const served = await getsServed(server.port);
    const before = hits();
    for (let i = 0; i < 100; i++) assert.equal(await redis.get("hot"), "1");
    assert.deepEqual(await redis.getBuffer("hot"), Buffer.from("1"));
    assert.equal(await redis.get(Buffer.from("hot")), "1");
    assert.equal(hits() - before, 102);
    assert.equal(await getsServed(server.port), served);
    for (let i = 0; i < 10; i++) assert.equal(await redis.get("cold"), "2");
    assert.equal((await getsServed(server.port)) - served, 10);
    const { hits: absorbed, misses, bypassed } = observation.mitigation!;
    await observation.stop();
    assert.deepEqual(agent.reads.get("hot"), { reads: misses + bypassed, absorbed });
    assert.deepEqual(agent.reads.get("cold"), { reads: 10, absorbed: 0 });
  });

  test("of node-redis too, by both of its names", async (t) => {
    const client = await nodeRedisAt(t, server.port, { keyPrefix: "app:" });
    await client.set("hot", "1");
    const { agent, observation, isCooled, hits } = await mitigate(t, client, ["app:hot"]);
    await isCooled(() => client.get("hot"));
    const served = await getsServed(server.port);
    const before = hits();
    assert.deepEqual([await client.get("hot"), await client.GET("hot")], ["1", "1"]);
    assert.deepEqual(await client.withTypeMapping({ 36: Buffer }).get("hot"), Buffer.from("1"));
    assert.deepEqual([hits() - before, (await getsServed(server.port)) - served], [2, 1]);
    const { hits: absorbed, misses, bypassed, tracking } = observation.mitigation!;
    assert.equal(tracking, "off");
    await observation.stop();
    assert.deepEqual(agent.reads.get("app:hot"), { reads: misses + bypassed + 1, absorbed });
  });

  test("are of the key as the server has it: with the client's prefix, and of any bytes", async (t) => {
    const redis = ioredisAt(t, server.port, { keyPrefix: "é:" });
    const binary = Buffer.from([0xff, 0x00]);
    const values = new Map<string | Buffer, Buffer>([
      ["a", Buffer.from("1")],
      ["{b}c", Buffer.alloc(0)],
      [binary, binary],
    ]);
    for (const [key, value] of values) await redis.set(key, value);
    await command(server.port, ["SET", "a", "another"]);
    const { agent, hits, isCooled } = await mitigate(t, redis, ["é:a", "é:{b}c", "é:none"]);
    agent.update([
      { key: Buffer.concat([Buffer.from("é:"), binary]).toString("base64"), keyEncoding: "base64" },
      { key: "a" },
    ]);
    for (const [key, value] of values) {
      await isCooled(() => redis.get(key));
      const before = hits();
      assert.deepEqual(await redis.getBuffer(key), value);
      assert.equal(await redis.get(key), value.toString());
      assert.equal(hits() - before, 2);
    }
    await isCooled(() => redis.get("none"));
    assert.equal(await redis.get("none"), null);
  });

  test("end with the lease, and what is excluded is never one", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.set("hot", "1");
    const { agent, observation, isCooled, hits } = await mitigate(t, redis, ["hot"], { exclude: ["lock:*"] });
    agent.update([{ key: "lock:1" }, { key: "other" }]);
    await waitFor("the other lease", () => observation.mitigation?.keys.includes("other"));
    assert.deepEqual(observation.mitigation?.keys, ["hot", "other"]);
    await isCooled(() => redis.get("hot"));
    agent.update([], [{ key: "hot" }]);
    await waitFor("the end of the lease", () => !observation.mitigation?.keys.includes("hot"));
    const before = [hits(), await getsServed(server.port)];
    await redis.get("hot");
    assert.deepEqual([hits(), await getsServed(server.port)], [before[0], before[1]! + 1]);
  });

  test("call back where the app wants that", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.set("hot", "1");
    await redis.hset("hash", "a", "1");
    const { hits, isCooled } = await mitigate(t, redis, ["hot", "hash"]);
    const called = (key: string) =>
      new Promise((resolve) => {
        redis.get(key, (error, value) => resolve(error ?? value));
      });
    await isCooled(() => called("hot"));
    const before = hits();
    assert.equal(await called("hot"), "1");
    const inBytes = await new Promise((resolve) => redis.getBuffer("hot", (_, value) => resolve(value)));
    assert.deepEqual(inBytes, Buffer.from("1"));
    assert.equal(hits() - before, 2);
    assert.match(String(await called("hash")), /WRONGTYPE/);
  });

  test("of a key that holds no string are the driver's own error", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.set("changes", "1");
    await redis.hset("hash", "a", "1");
    const { observation, isCooled } = await mitigate(t, redis, ["hash", "changes"]);
    for (let i = 0; i < 3; i++) await assert.rejects(redis.get("hash"), /WRONGTYPE/);
    assert.equal(observation.mitigation?.hits, 0);
    await isCooled(() => redis.get("changes"));
    await redis.multi().del("changes").hset("changes", "a", "1").exec();
    await assert.rejects(redis.get("changes"), { name: "ReplyError", message: /WRONGTYPE/ });
    // @ts-expect-error: one word too many
    await assert.rejects(redis.get("changes", "b"), /wrong number of arguments/);
  });

  test("by a subclass's own methods, by lazy clients, and by those that pipeline by themselves", async (t) => {
    const lazy = new AppRedis(server.port, "127.0.0.1", { lazyConnect: true });
    t.after(() => lazy.disconnect());
    const piped = new AppRedis(server.port, "127.0.0.1", { enableAutoPipelining: true });
    t.after(() => piped.disconnect());
    await command(server.port, ["SET", "price", "7"]);
    for (const redis of [lazy, piped]) {
      const { hits, isCooled } = await mitigate(t, redis, ["price"]);
      await isCooled(() => redis.price("price"));
      const before = hits();
      assert.equal(await redis.price("price"), 7);
      assert.equal(hits() - before, 1);
    }
  });

  test("in pipelines and transactions, and by a duplicate, go to the server", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.set("hot", "1");
    const { isCooled, hits } = await mitigate(t, redis, ["hot"]);
    await isCooled(() => redis.get("hot"));
    const duplicate = redis.duplicate();
    t.after(() => duplicate.disconnect());
    const before = [hits(), await getsServed(server.port)];
    assert.deepEqual(await redis.pipeline().get("hot").exec(), [[null, "1"]]);
    assert.deepEqual(await redis.multi().get("hot").exec(), [[null, "1"]]);
    assert.equal(await duplicate.get("hot"), "1");
    assert.deepEqual([hits(), await getsServed(server.port)], [before[0], before[1]! + 3]);
    await mitigate(t, duplicate, ["hot"]).then(({ isCooled }) => isCooled(() => duplicate.get("hot")));
  });

  test("are given only in the database that the client began in", async (t) => {
    const redis = ioredisAt(t, server.port, { db: 2 });
    await redis.set("hot", "two");
    const { agent, observation, isCooled } = await mitigate(t, redis, []);
    agent.update([{ key: "hot", db: 2 }]);
    await waitFor("the lease", () => observation.mitigation?.keys.includes("hot"));
    await isCooled(() => redis.get("hot"));
    await redis.select(3);
    assert.equal(await redis.get("hot"), null);
    await redis.set("hot", "three");
    assert.equal(await redis.get("hot"), "three");
    void redis.select(2);
    assert.equal(await redis.get("hot"), "two");
    await isCooled(() => redis.get("hot"));
    const late = ioredisAt(t, server.port);
    await late.select(2);
    const second = await mitigate(t, late, ["hot"]);
    for (let i = 0; i < 10; i++) assert.equal(await late.get("hot"), "two");
    assert.equal(second.hits(), 0);
  });

  test("that another client overwrites are new within milliseconds, by tracking", async (t) => {
    const redis = ioredisAt(t, server.port);
    const other = ioredisAt(t, server.port);
    const { isCooled } = await mitigate(t, redis, ["hot"]);
    for (let i = 0; i < 5; i++) {
      await isCooled(() => redis.get("hot"));
      const startMs = performance.now();
      await other.set("hot", String(i));
      await waitFor("the new value", async () => (await redis.get("hot")) === String(i), 30_000, 0);
      t.diagnostic(`seen after ${(performance.now() - startMs).toFixed(1)} ms`);
    }
  });

  test("without tracking are as old as their TTL says at most", async (t) => {
    const redis = ioredisAt(t, server.port);
    const { observation, isCooled } = await mitigate(t, redis, ["hot"], { ttlMs: 50, tracking: false });
    await isCooled(() => redis.get("hot"));
    await command(server.port, ["SET", "hot", "new"]);
    const setMs = performance.now();
    await waitFor("the new value", async () => {
      const readMs = performance.now();
      const isNew = (await redis.get("hot")) === "new";
      assert.ok(isNew || readMs - setMs <= 60, `an old value after ${readMs - setMs} ms`);
      return isNew;
    });
    assert.equal(observation.mitigation?.tracking, "off");
  });

  test("go on as before where the server refuses to track, and where the agent goes away", async (t) => {
    const { port } = server;
    await command(port, ["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-client|tracking"]);
    const redis = ioredisAt(t, port, { username: "app", password: "pw" });
    await redis.set("hot", "1");
    const { agent, observation, hits } = await mitigate(t, redis, [], { ttlMs: 500 });
    await waitFor("the refusal", () => observation.mitigation?.tracking === "refused");
    agent.update([{ key: "hot", leftMs: 2000 }]);
    await waitFor("a hit", async () => (await redis.get("hot")) === "1" && hits() > 0);
    await agent.stop();
    await waitFor("the end of the lease", () => observation.mitigation?.keys.length === 0);
    const before = hits();
    assert.equal(await redis.get("hot"), "1");
    assert.equal(hits(), before);
    await waitFor("it to be known", () => observation.mitigation?.state === "away");
    assert.notEqual(observation.mitigation?.problem, null);
  });

  test("do not wait for a tracking connection that hangs", async (t) => {
    const proxy = await startProxy(t, server.port);
    const redis = ioredisAt(t, Number(proxy.address.split(":")[1]));
    const { isCooled } = await mitigate(t, redis, ["hot"]);
    await redis.set("hot", "1");
    await isCooled(() => redis.get("hot"));
    proxy.freeze();
    redis.disconnect(true);
    await redis.set("hot", "2");
    for (let i = 0; i < 3; i++) assert.equal(await redis.get("hot"), "2");
  });

  test("after disconnect are the error that they were", async (t) => {
    const ended = ioredisAt(t, server.port);
    const { isCooled } = await mitigate(t, ended, ["hot"]);
    await isCooled(() => ended.get("hot"));
    const gone = once(ended, "end");
    ended.disconnect();
    await gone;
    await assert.rejects(ended.get("hot"), /Connection is closed/);
    const client = await nodeRedisAt(t, server.port);
    const mitigated = await mitigate(t, client, ["hot"]);
    await mitigated.isCooled(() => client.get("hot"));
    await client.close();
    await assert.rejects(client.get("hot"), /closed/);
  });

  test("after stop go to the server, and what was wrapped since stays so", async (t) => {
    for (const redis of [ioredisAt(t, server.port), await nodeRedisAt(t, server.port)]) {
      const { observation, isCooled } = await mitigate(t, redis, ["hot"]);
      await isCooled(() => redis.get("hot"));
      const { get } = redis;
      const wrapped = ((key: string) => get.call(redis, key)) as typeof redis.get;
      Object.defineProperty(redis, "get", { value: wrapped, configurable: true });
      await observation.stop();
      assert.equal(redis.get, wrapped);
      const served = await getsServed(server.port);
      await redis.get("hot");
      assert.equal((await getsServed(server.port)) - served, 1);
    }
  });

  test("and writes leave an error that the app does not handle unhandled", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "hash" }]);
    const program = `
      import { Redis } from "ioredis";
      import { observe } from ${JSON.stringify(new URL("../../src/client/index.ts", import.meta.url))};
      let unhandled = 0;
      process.on("unhandledRejection", () => unhandled++);
      const redis = new Redis(${server.port}, "127.0.0.1");
      await redis.del("hash");
      await redis.hset("hash", "a", "1");
      const observation = observe(redis, { service: "shop", agent: "${agent.url}", mitigate: true });
      while (observation.mitigation.keys.length === 0) await redis.ping();
      redis.get("hash");
      redis.incr("hash");
      await redis.ping();
      process.on("exit", () => { process.exitCode = unhandled; });
      redis.disconnect();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    assert.deepEqual(await once(child, "exit"), [2, null]);
  });

  test("keep no process alive, stopped or not", async (t) => {
    const agent = await startHotSetAgent(t, [{ key: "hot" }]);
    for (const ending of ["", "await observation.stop();"]) {
      const program = `
        import { Redis } from "ioredis";
        import { observe } from ${JSON.stringify(new URL("../../src/client/index.ts", import.meta.url))};
        const redis = new Redis(${server.port}, "127.0.0.1");
        const observation = observe(redis, { service: "shop", agent: "${agent.url}", mitigate: true });
        while (observation.mitigation.hits === 0) await redis.get("hot");
        ${ending}
        redis.disconnect();`;
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
      assert.deepEqual(await once(child, "exit"), [0, null]);
    }
  });
});

/** Reads what somebody else wrote, and swaps it for something else, unless it was written again meanwhile. */
async function swap(redis: Redis, key: string, to: string): Promise<string | null> {
  await redis.watch(key);
  const from = await redis.get(key);
  await redis.multi().set(key, to).exec();
  return from;
}

/** A client that answers from a cache, and thinks of nothing else. */
function naivelyCached(t: TestContext, port: number, key: string): Redis {
  const redis = ioredisAt(t, port);
  const cache = new LocalCache(redis, { ttlMs: LONG_TTL_MS, hotSet: new Set([key]) });
  redis.get = ((name: string) => cache.get(name)) as Redis["get"];
  return redis;
}

test("a compare-and-set under WATCH does not take a value from memory, as it does with a naive cache", async (t) => {
  const server = await startRedis(t);
  const tried = async (redis: Redis) => {
    await command(server.port, ["SET", "hot", "old"]);
    for (let i = 0; i < 5; i++) await redis.get("hot");
    await command(server.port, ["SET", "hot", "new"]);
    return await swap(redis, "hot", "newer");
  };
  const redis = ioredisAt(t, server.port);
  // Without word of writes: what is kept is old.
  const { hits, isCooled } = await mitigate(t, redis, ["hot"], { tracking: false });
  await isCooled(() => redis.get("hot"));
  assert.equal(await tried(redis), "new");
  assert.equal(await redis.get("hot"), "newer");
  await isCooled(() => redis.get("hot"));
  assert.ok(hits() > 0);
  assert.equal(await tried(naivelyCached(t, server.port, "hot")), "old");
});

test("an observation that only counts leaves reads as they are", async (t) => {
  const server = await startRedis(t);
  const agent = await startHotSetAgent(t, [{ key: "hot" }]);
  const redis = ioredisAt(t, server.port);
  const { get } = redis;
  const observation = observe(redis, { service: "shop", agent: agent.url });
  t.after(() => observation.stop());
  for (let i = 0; i < 50; i++) await redis.get("hot");
  assert.deepEqual([redis.get, observation.mitigation, agent.listening], [get, null, 0]);
  assert.equal(await getsServed(server.port), 50);
});
