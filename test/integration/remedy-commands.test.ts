import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createCluster } from "redis";
import { type Commands, commandsOf, script } from "../../src/client/remedies/commands.ts";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { command, startRedis, type TestServer } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const COMPARE = script("return {redis.call('GET', KEYS[1]), ARGV[1], tonumber(ARGV[2]), false}");
const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);

/** What each driver must do alike. */
async function exercise(commands: Commands): Promise<void> {
  assert.equal(await commands.run("GET", "none"), null);
  await commands.run("DEL", "n");
  await commands.run("SET", NOT_UTF8, NOT_UTF8, "PX", 100_000);
  assert.deepEqual(await commands.run("GET", NOT_UTF8), NOT_UTF8);
  assert.equal(await commands.run("INCRBY", "n", -5), -5);
  assert.deepEqual(await commands.runOver("MGET", ["{k}1", "{k}2"]), [null, null]);
  for (const _ of ["not known", "known"]) {
    const reply = await commands.runScript(COMPARE, [NOT_UTF8], [NOT_UTF8, 7]);
    assert.deepEqual(reply, [NOT_UTF8, NOT_UTF8, 7, null]);
  }
  // Text stays text, also where it reads as a number.
  await commands.run("SET", "n", "7");
  assert.deepEqual(await commands.run("GET", "n"), Buffer.from("7"));
  await assert.rejects(commands.run("INCRBY", NOT_UTF8, 1), /not an integer/);
  await assert.rejects(commands.runScript(script("return redis.error_reply('ERR own')"), ["k"], []), /own/);
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());
  test("ioredis", async (t) => {
    const commands = commandsOf(ioredisAt(t, server.port));
    assert.equal(commands.isCluster, false);
    await exercise(commands);
  });
  test("ioredis with RESP2", async (t) => {
    await exercise(commandsOf(ioredisAt(t, server.port, { protocol: 2, db: 1 })));
  });
  test("ioredis with auto-pipelining: a key is not taken for a command", async (t) => {
    const redis = ioredisAt(t, server.port, { enableAutoPipelining: true });
    await exercise(commandsOf(redis));
    await redis.set("kept", "1");
    await commandsOf(redis).run("GET", "FLUSHALL");
    assert.equal(await redis.get("kept"), "1");
  });
  for (const protocol of [2, 3] as const) {
    test(`ioredis with numbers as text, RESP${protocol}`, async (t) => {
      await exercise(commandsOf(ioredisAt(t, server.port, { stringNumbers: true, protocol })));
    });
  }
  test("node-redis", async (t) => {
    const commands = commandsOf(await nodeRedisAt(t, server.port));
    assert.equal(commands.isCluster, false);
    await exercise(commands);
  });
  test("a prefix of the client's is put before each key, once, by both", async (t) => {
    const plain = ioredisAt(t, server.port);
    await plain.flushall();
    const prefixed = [
      commandsOf(ioredisAt(t, server.port, { keyPrefix: "app:" })),
      commandsOf(await nodeRedisAt(t, server.port, { keyPrefix: "app:" })),
    ];
    assert.equal(commandsOf(plain).fullKey("a"), "a");
    for (const commands of prefixed) {
      assert.equal(commands.keyPrefix.toString(), "app:");
      assert.equal(commands.fullKey("é"), "app:é");
      assert.deepEqual(commands.fullKey(new Uint8Array([0xff])), Buffer.from([...Buffer.from("app:"), 0xff]));
      await commands.run("SET", "a", "1");
      await commands.runScript(script("return redis.call('SET', KEYS[1], ARGV[1])"), ["b"], ["2"]);
      assert.deepEqual(await commands.runOver("MGET", ["a", "b"]), [Buffer.from("1"), Buffer.from("2")]);
      assert.deepEqual((await plain.keys("*")).sort(), ["app:a", "app:b"]);
      await plain.flushall();
    }
  });
  test("what is no client is refused", () => {
    for (const redis of [null, undefined, 1, "redis://", {}, []]) {
      assert.throws(() => commandsOf(redis), /^TypeError: redis: expected a client/);
    }
  });
});

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());
  const spread = async (commands: Commands) => {
    assert.equal(commands.isCluster, true);
    await exercise(commands);
    const names = partNames("spread", "test", 16, commands);
    await Promise.all(names.map((name, part) => commands.run("SET", name, part)));
    const values = await Promise.all(names.map((name) => commands.run("GET", name)));
    assert.deepEqual(
      values.map(String),
      names.map((_, part) => String(part)),
    );
  };
  test("ioredis", async (t) => {
    await spread(commandsOf(ioredisOver(t, servers)));
  });
  test("ioredis with auto-pipelining, and keys that are no text", async (t) => {
    const commands = commandsOf(ioredisOver(t, servers, { enableAutoPipelining: true }));
    await spread(commands);
    const keys = Array.from({ length: 100 }, (_, i) => Buffer.from([0xff, i]));
    await Promise.all(keys.map((key) => commands.run("SET", key, key)));
    assert.deepEqual(await Promise.all(keys.map((key) => commands.run("GET", key))), keys);
  });
  test("node-redis", async (t) => {
    await spread(commandsOf(await nodeRedisOver(t, servers)));
  });
  test("reads go to primaries, were the client's own to go to replicas", async (t) => {
    const getsAtReplicas = async () => {
      const stats = await Promise.all(
        servers.replicas.map(({ port }) => command(port, ["INFO", "commandstats"])),
      );
      return stats.filter((text) => String(text).includes("cmdstat_get:")).length;
    };
    const resetStats = () =>
      Promise.all(servers.replicas.map(({ port }) => command(port, ["CONFIG", "RESETSTAT"])));
    const ofNode = createCluster({
      rootNodes: servers.nodes.map(({ host, port }) => ({ socket: { host, port } })),
      useReplicas: true,
    });
    ofNode.on("error", () => {});
    await ofNode.connect();
    t.after(() => ofNode.destroy());
    const ofIoredis = ioredisOver(t, servers, { scaleReads: "slave" });
    for (const redis of [ofIoredis, ofNode]) {
      await resetStats();
      const commands = commandsOf(redis);
      for (const name of partNames("reads", "test", 16, commands)) await commands.run("GET", name);
      assert.equal(await getsAtReplicas(), 0);
      for (const name of partNames("reads", "test", 16, commands)) await redis.get(String(name));
      assert.notEqual(await getsAtReplicas(), 0, "its own");
    }
  });
});
