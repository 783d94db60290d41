import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Cluster, Redis } from "ioredis";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import { slotOf } from "../../src/model/slot.ts";
import { LONG_TTL_MS, mitigate } from "../support/mitigated.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt } from "../support/remedy-clients.ts";

type Client = Redis | Cluster;

/** The key as the app names it, and another one in its slot. */
const KEY = "{hot}";
const OTHER = "{hot}other";
const OLD = "1";

interface OwnWrite {
  readonly name: string;
  /** What a read after it gives. */
  readonly reads: string | null;
  /** Nobody waits for it. Returns: when it was answered. */
  readonly write: (redis: Client) => Promise<unknown>;
}

const WRITES: readonly OwnWrite[] = [
  { name: "SET", reads: "2", write: (redis) => redis.set(KEY, "2") },
  { name: "SET of a Buffer", reads: "2", write: (redis) => redis.set(Buffer.from(KEY), "2") },
  { name: "SET by call", reads: "2", write: (redis) => redis.call("SET", KEY, "2") },
  { name: "SET in mixed case", reads: "2", write: (redis) => redis.call("Set", KEY, "2") },
  { name: "GETSET", reads: "2", write: (redis) => redis.getset(KEY, "2") },
  { name: "INCR", reads: "2", write: (redis) => redis.incr(KEY) },
  { name: "APPEND", reads: "12", write: (redis) => redis.append(KEY, "2") },
  { name: "DEL", reads: null, write: (redis) => redis.del(OTHER, KEY) },
  { name: "UNLINK", reads: null, write: (redis) => redis.unlink(KEY) },
  { name: "GETDEL", reads: null, write: (redis) => redis.getdel(KEY) },
  { name: "MSET", reads: "2", write: (redis) => redis.mset({ [OTHER]: "0", [KEY]: "2" }) },
  { name: "RENAME from", reads: null, write: (redis) => redis.rename(KEY, OTHER) },
  { name: "RENAME to", reads: "0", write: (redis) => redis.rename(OTHER, KEY) },
  { name: "COPY", reads: "0", write: (redis) => redis.copy(OTHER, KEY, "REPLACE") },
  { name: "BITOP", reads: "0", write: (redis) => redis.bitop("AND", KEY, OTHER) },
  { name: "SETRANGE", reads: "2", write: (redis) => redis.setrange(KEY, 0, "2") },
  { name: "PEXPIREAT", reads: null, write: (redis) => redis.pexpireat(KEY, 1) },
  { name: "a pipeline", reads: "2", write: (redis) => redis.pipeline().get(KEY).set(KEY, "2").exec() },
  { name: "a batch", reads: "2", write: (redis) => redis.pipeline([["set", KEY, "2"]]).exec() },
  { name: "a transaction", reads: "2", write: (redis) => redis.multi().set(KEY, "2").get(KEY).exec() },
  {
    name: "a script",
    reads: "2",
    write: (redis) => redis.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, KEY, "2"),
  },
  {
    name: "a defined command",
    reads: "2",
    write: (redis) => {
      const lua = "redis.call('PING'); return redis.call('SET', KEYS[1], ARGV[1])";
      redis.defineCommand("put", { numberOfKeys: 1, lua });
      return (redis as Client & { put(...args: string[]): Promise<unknown> }).put(KEY, "2");
    },
  },
];

const WRITES_OF_ONE_SERVER: readonly OwnWrite[] = [
  { name: "FLUSHALL", reads: null, write: (redis) => redis.flushall() },
  { name: "FLUSHDB", reads: null, write: (redis) => redis.flushdb() },
  { name: "SWAPDB", reads: null, write: (redis) => redis.swapdb(0, 9) },
  { name: "FLUSHALL in a transaction", reads: null, write: (redis) => redis.multi().flushall().exec() },
];

/**
 * What is read behind an own write that nobody has waited for, of a key whose old value has been read before. `prime`
 * resolves when the next read could be answered from memory.
 */
async function readBehind(
  redis: Client,
  { write }: OwnWrite,
  prime: () => Promise<unknown>,
): Promise<{ readonly atOnce: string | null; readonly afterwards: string | null }> {
  await redis.set(OTHER, "0");
  await redis.set(KEY, OLD);
  await prime();
  const written = write(redis);
  const atOnce = redis.get(KEY);
  await written;
  return { atOnce: await atOnce, afterwards: await redis.get(KEY) };
}

/** Its reads are answered by a cache, and its writes go past it. */
function naivelyCached(t: TestContext, redis: Client): () => Promise<unknown> {
  const cache = new LocalCache(redis, { ttlMs: LONG_TTL_MS, hotSet: new Set([KEY]) });
  t.after(() => cache.close());
  Object.defineProperty(redis, "get", { value: (key: string) => cache.get(key) });
  return async () => {
    cache.clear();
    await redis.get(KEY);
  };
}

async function exercise(
  t: TestContext,
  redis: Client,
  writes: readonly OwnWrite[],
  { prefix = "" }: { readonly prefix?: string } = {},
): Promise<void> {
  for (const tracking of [false, true]) {
    await t.test(tracking ? "tracked" : "untracked", async (t) => {
      const { observation, isCooled } = await mitigate(t, redis, [prefix + KEY], { tracking });
      for (const own of writes) {
        const read = await readBehind(redis, own, () => isCooled(() => redis.get(KEY)));
        assert.deepEqual(read, { atOnce: own.reads, afterwards: own.reads }, own.name);
      }
      await observation.stop();
    });
  }
}

describe("a read behind an own write of its key sees it", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("by ioredis, and with a naive cache it does not", async (t) => {
    const writes = [...WRITES, ...WRITES_OF_ONE_SERVER];
    await exercise(t, ioredisAt(t, server.port), writes);
    const naive = ioredisAt(t, server.port);
    const prime = naivelyCached(t, naive);
    for (const own of WRITES) {
      const read = await readBehind(naive, own, prime);
      assert.deepEqual(read, { atOnce: OLD, afterwards: OLD }, own.name);
    }
  });

  test("by ioredis with a prefix, with RESP2, and with automatic pipelining", async (t) => {
    await exercise(t, ioredisAt(t, server.port, { keyPrefix: "app:", protocol: 2 }), WRITES, {
      prefix: "app:",
    });
    await exercise(t, ioredisAt(t, server.port, { enableAutoPipelining: true }), WRITES);
  });

  test("in a transaction that the app composes word by word", async (t) => {
    const redis = ioredisAt(t, server.port);
    const { isCooled } = await mitigate(t, redis, [KEY]);
    await redis.set(KEY, OLD);
    await isCooled(() => redis.get(KEY));
    void redis.multi({ pipeline: false });
    assert.equal(await redis.get(KEY), "QUEUED");
    assert.equal(await redis.set(KEY, "2"), "QUEUED");
    assert.equal(await redis.get(KEY), "QUEUED");
    await command(server.port, ["CLIENT", "PAUSE", "200", "WRITE"]);
    const executed = redis.exec();
    assert.equal(await redis.get(KEY), "2");
    const replies = await executed;
    assert.deepEqual(replies, [
      [null, OLD],
      [null, "OK"],
      [null, "2"],
    ]);
    await isCooled(() => redis.get(KEY));
    void redis.multi({ pipeline: false });
    void redis.set(KEY, "3");
    void redis.discard();
    assert.equal(await redis.get(KEY), "2");
    await isCooled(() => redis.get(KEY));
  });

  test("by node-redis", async (t) => {
    const client = await nodeRedisAt(t, server.port, { keyPrefix: "app:" });
    const { isCooled } = await mitigate(t, client, [`app:${KEY}`]);
    const writes: readonly [reads: string | null, write: () => Promise<unknown>][] = [
      ["2", () => client.set(KEY, "2")],
      ["2", () => client.sendCommand(["SET", `app:${KEY}`, "2"])],
      ["2", () => client.withTypeMapping({ 36: Buffer }).getSet(KEY, "2")],
      ["2", () => client.multi().set(KEY, "2").get(KEY).exec()],
      ["2", () => client.multi().set(KEY, "2").execAsPipeline()],
      ["2", () => client.eval("return redis.call('INCR', KEYS[1])", { keys: [KEY] })],
      [null, () => client.del([OTHER, KEY])],
      [null, () => client.flushAll()],
    ];
    for (const [reads, write] of writes) {
      await client.set(KEY, OLD);
      await isCooled(() => client.get(KEY));
      const written = write();
      const atOnce = client.get(KEY);
      await written;
      assert.deepEqual([await atOnce, await client.get(KEY)], [reads, reads], String(write));
    }
  });

  test("however often, while many read", async (t) => {
    for (const enableAutoPipelining of [false, true]) {
      const redis = ioredisAt(t, server.port, { enableAutoPipelining });
      const { hits, isCooled } = await mitigate(t, redis, [KEY]);
      await redis.set(KEY, "0");
      await isCooled(() => redis.get(KEY));
      const before = hits();
      for (let round = 1; round <= 300; round++) {
        const writes = [redis.incr(KEY)];
        const reads: Promise<string | null>[] = [];
        for (let i = 0; i < 5; i++) reads.push(redis.get(KEY));
        if (round % 3 === 0) await Promise.all(writes);
        for (let i = 0; i < 20; i++) {
          assert.equal(await redis.get(KEY), String(round));
        }
        assert.deepEqual(new Set(await Promise.all(reads)), new Set([String(round)]));
      }
      assert.ok(hits() - before > 300, `${hits() - before} hits`);
    }
  });

  test("also one that waits for the server to come back", async (t) => {
    const own = await startRedis(t);
    const redis = ioredisAt(t, own.port, { maxRetriesPerRequest: null });
    const { isCooled } = await mitigate(t, redis, [KEY]);
    await redis.set(KEY, OLD);
    await isCooled(() => redis.get(KEY));
    await own.stop();
    await waitFor("the loss", () => redis.status !== "ready");
    const written = redis.set(KEY, "2");
    const read = redis.get(KEY);
    await startRedis(t, { port: own.port });
    assert.deepEqual([await written, await read, await redis.get(KEY)], ["OK", "2", "2"]);
    await isCooled(() => redis.get(KEY));
    assert.equal(await redis.get(KEY), "2");
  });

  test("also one that the server puts off, while it serves the reads of others", async (t) => {
    for (const enableAutoPipelining of [false, true]) {
      const redis = ioredisAt(t, server.port, { enableAutoPipelining });
      const { isCooled } = await mitigate(t, redis, [KEY], { tracking: true });
      await redis.set(KEY, OLD);
      await isCooled(() => redis.get(KEY));
      await command(server.port, ["CLIENT", "PAUSE", "200", "WRITE"]);
      const written = redis.set(KEY, "2");
      assert.equal(await redis.get(KEY), "2");
      await written;
    }
  });

  test("also one that was put off, and whose key is leased only then", async (t) => {
    const redis = ioredisAt(t, server.port);
    const { agent, observation } = await mitigate(t, redis, [], { tracking: true });
    await waitFor("tracking", () => observation.mitigation?.tracking === "on");
    await redis.set(KEY, OLD);
    await command(server.port, ["CLIENT", "PAUSE", "1000", "WRITE"]);
    const written = redis.set(KEY, "2");
    agent.update([{ key: KEY }]);
    await waitFor("the lease", () => observation.mitigation?.keys.includes(KEY), 30_000, 1);
    const reads = [redis.get(KEY), redis.get(KEY)];
    assert.deepEqual(await Promise.all(reads), ["2", "2"]);
    await written;
  });
});

describe("in a cluster a read behind an own write of its key sees it", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());

  for (const enableAutoPipelining of [false, true]) {
    test(enableAutoPipelining ? "with automatic pipelining" : "by ioredis", async (t) => {
      await exercise(t, ioredisOver(t, servers, { enableAutoPipelining }), WRITES);
    });
  }

  test("while its slot moves", async (t) => {
    const redis = ioredisOver(t, servers);
    const { hits, isCooled } = await mitigate(t, redis, [KEY]);
    await redis.set(KEY, "0");
    await isCooled(() => redis.get(KEY));
    const owner = servers.primaryOf(KEY);
    const to = servers.primaries.find((node) => node !== owner);
    assert.ok(to);
    let round = 0;
    const rounds = async () => {
      for (let i = 0; i < 50; i++) {
        await redis.set(KEY, String(++round));
        for (let read = 0; read < 5; read++) assert.equal(await redis.get(KEY), String(round));
      }
    };
    await rounds();
    const move = await servers.beginMove(slotOf(Buffer.from(KEY)), to);
    await rounds();
    await move.finish();
    await rounds();
    const before = hits();
    await isCooled(() => redis.get(KEY));
    assert.ok(hits() > before);
  });

  test("and that of another client within milliseconds, by tracking", async (t) => {
    const redis = ioredisOver(t, servers);
    const other = ioredisOver(t, servers);
    const { isCooled } = await mitigate(t, redis, [KEY]);
    await isCooled(() => redis.get(KEY));
    await other.set(KEY, "other's");
    await waitFor("the new value", async () => (await redis.get(KEY)) === "other's", 30_000, 0);
  });
});

test("a command that no table knows drops the keys that it names", async (t) => {
  const server = await startRedis(t);
  const redis = ioredisAt(t, server.port);
  const { observation, isCooled } = await mitigate(t, redis, [KEY, OTHER]);
  await isCooled(() => redis.get(KEY));
  await isCooled(() => redis.get(OTHER));
  const { invalidations } = observation.mitigation!;
  await assert.rejects(redis.call("BRANDNEW.SET", "x", KEY), /unknown command/);
  // One key, whose value was kept.
  assert.equal(observation.mitigation!.invalidations, invalidations + 1);
});
