import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Commands, commandsOf, script } from "../../src/client/remedies/commands.ts";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { startRedis, type TestServer } from "../support/redis.ts";
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
  test("ioredis with automatic pipelining", async (t) => {
    await exercise(commandsOf(ioredisAt(t, server.port, { enableAutoPipelining: true })));
  });
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
    for (const commands of prefixed) {
      assert.equal(commands.keyPrefix.toString(), "app:");
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
  test("ioredis with automatic pipelining", async (t) => {
    await spread(commandsOf(ioredisOver(t, servers, { enableAutoPipelining: true })));
  });
  test("node-redis", async (t) => {
    await spread(commandsOf(await nodeRedisOver(t, servers)));
  });
});
