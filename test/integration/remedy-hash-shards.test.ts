import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { HashShards } from "../../src/client/remedies/hash-shards.ts";
import { NaiveHashShards, UnfencedHashShards } from "../support/naive-shards.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);
const FIELDS = Array.from({ length: 60 }, (_, index) => `field:${index}`);

interface Hash {
  set(field: string, value: string): Promise<unknown>;
  get(field: string): Promise<string | null>;
  delete(field: string): Promise<boolean>;
}

/** Commands of a kind that the server has carried out, those in scripts too. */
async function calls(port: number, name: string): Promise<number> {
  const text = String(await command(port, ["INFO", "commandstats"]));
  return Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

/** What each driver must do alike. */
async function exercise(redis: object, key: string | Buffer): Promise<void> {
  const hash = new HashShards(redis, key, { shards: 4 });
  assert.equal(await hash.get("a"), null);
  assert.equal(await hash.delete("a"), false);
  await hash.set("a", "1");
  await hash.set("a", "2");
  assert.equal(await hash.get("a"), "2");
  await hash.set(NOT_UTF8, NOT_UTF8);
  assert.deepEqual(await hash.getBuffer(NOT_UTF8), NOT_UTF8);
  await hash.set("", "");
  assert.equal(await hash.get(""), "");
  await hash.set("{tag}", Buffer.from("ü"), { ttlMs: 1_000_000 });
  assert.equal(await hash.get("{tag}"), "ü");
  // Grows: everything stays.
  const wider = new HashShards(redis, key, { shards: 16 });
  for (const each of [wider, hash]) {
    assert.equal(await each.get("a"), "2");
    assert.deepEqual(await each.getBuffer(NOT_UTF8), NOT_UTF8);
    assert.equal(await each.get(""), "");
    assert.equal(await each.get("{tag}"), "ü");
  }
  assert.equal(await hash.delete("a"), true);
  assert.equal(await wider.delete("a"), false);
  assert.equal(await wider.get("a"), null);
  await wider.rebalance();
  assert.equal(await hash.get("{tag}"), "ü");
  assert.deepEqual(await hash.getBuffer(NOT_UTF8), NOT_UTF8);
}

/** The count grows while a process with the old one goes on. Returns what was set and is not there, or is something else. */
async function grow(make: (shards: number) => Hash): Promise<string[]> {
  const old = make(4);
  const expected = new Map<string, string | null>();
  const set = async (hash: Hash, field: string, value: string) => {
    await hash.set(field, value);
    expected.set(field, value);
  };
  for (const field of FIELDS) await set(old, field, "before");
  const grown = make(16);
  for (const field of FIELDS.slice(0, 20)) await set(grown, field, "by the new");
  for (const field of FIELDS.slice(10, 30)) await set(old, field, "by the old");
  for (const field of FIELDS.slice(25, 40)) {
    await (Number(field.slice(6)) % 2 === 0 ? old : grown).delete(field);
    expected.set(field, null);
  }
  const wrong: string[] = [];
  for (const [field, value] of expected)
    for (const hash of [old, grown, make(64)]) if ((await hash.get(field)) !== value) wrong.push(field);
  return wrong;
}

/** Clients with each count write fields of their own, and read them back, at the same time. Returns what was wrong. */
async function race(makes: readonly ((round: number) => Hash)[], rounds: number): Promise<string[]> {
  const wrong: string[] = [];
  await Promise.all(
    makes.map(async (make, writer) => {
      for (let round = 0; round < rounds; round++) {
        const hash = make(round);
        const fields = Array.from({ length: 8 }, (_, index) => `${writer}:${index}`);
        await Promise.all(fields.map((field) => hash.set(field, `${round}`)));
        await Promise.all(
          fields.map(async (field) => {
            if ((await hash.get(field)) !== `${round}`) wrong.push(field);
          }),
        );
        const gone = fields[round % fields.length]!;
        if (!(await hash.delete(gone))) wrong.push(`${gone} to delete`);
        if ((await hash.get(gone)) !== null) wrong.push(`${gone} deleted`);
      }
    }),
  );
  return wrong;
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  test("ioredis and node-redis, with a prefix and without, keys with braces and bytes", async (t) => {
    for (const keyPrefix of ["", "app:"]) {
      for (const redis of [
        ioredisAt(t, server.port, { keyPrefix }),
        await nodeRedisAt(t, server.port, keyPrefix === "" ? {} : { keyPrefix }),
      ]) {
        for (const key of ["exercise", "user:{42}:{", NOT_UTF8]) {
          await command(server.port, ["FLUSHALL"]);
          await exercise(redis, key);
        }
      }
    }
  });

  test("growth loses nothing, also where the old count goes on: by modulo of a configured count it does", async (t) => {
    const redis = ioredisAt(t, server.port);
    assert.deepEqual(await grow((shards) => new HashShards(redis, "grown", { shards })), []);
    assert.notDeepEqual(await grow((shards) => new NaiveHashShards(redis, "naive", { shards })), []);
    const unfenced = await grow(
      (shards) => new UnfencedHashShards(redis, "unfenced", { shards, counts: [4, 16, 64] }),
    );
    assert.notDeepEqual(unfenced, []);
  });

  test("while it grows from 4 to 16 to 64 and is rebalanced, writers lose nothing: those who are not told of it do", async (t) => {
    const rounds = 12;
    const clients = Array.from({ length: 4 }, () => ioredisAt(t, server.port));
    const steps = [4, 16, 64];
    const makes = clients.map((redis, writer) => {
      // Three learn of it by being refused; the fourth makes it grow.
      const old = new HashShards(redis, "race", { shards: 4 });
      return (round: number) => {
        if (writer < 3) return old;
        const hash = new HashShards(redis, "race", { shards: steps[Math.floor((round * 3) / rounds)]! });
        return hash;
      };
    });
    const moving = (async () => {
      for (const redis of clients.slice(0, 2)) await new HashShards(redis, "race", { shards: 4 }).rebalance();
    })();
    assert.deepEqual(await race(makes, rounds), []);
    await moving;
    const last = new HashShards(clients[0]!, "race", { shards: 4 });
    await last.rebalance();
    for (let writer = 0; writer < 4; writer++) {
      for (let index = 0; index < 8; index++) {
        const expected = index === (rounds - 1) % 8 ? null : `${rounds - 1}`;
        assert.equal(await last.get(`${writer}:${index}`), expected);
      }
    }
    // By one list again: a read is one plain command.
    const [reads, scripts] = [await calls(server.port, "hmget"), await calls(server.port, "evalsha")];
    for (const field of FIELDS) await last.get(field);
    assert.equal((await calls(server.port, "hmget")) - reads, FIELDS.length);
    assert.equal((await calls(server.port, "evalsha")) - scripts, 0);
    const naive = clients.map(
      (redis, writer) => (round: number) =>
        new NaiveHashShards(redis, "naive race", {
          shards: writer < 3 ? 4 : steps[Math.floor((round * 3) / rounds)]!,
        }),
    );
    await race(naive, rounds);
    const seen = new NaiveHashShards(clients[0]!, "naive race", { shards: 64 });
    const found = await Promise.all(
      ["0:0", "1:0", "2:0", "0:1", "1:1", "2:1"].map((field) => seen.get(field)),
    );
    assert.ok(found.includes(null));
  });

  test("a field expires by its time; a new value without one stays; others read plain values as they are", async (t) => {
    const redis = ioredisAt(t, server.port);
    const hash = new HashShards(redis, "ttl", { shards: 1 });
    await hash.set("short", "v", { ttlMs: 1 });
    await waitFor("the field to expire", async () => (await hash.get("short")) === null);
    // What was read as expired is not kept.
    const [name] = (await redis.keys("ttl:hash:*")) as [string];
    assert.deepEqual(await redis.hkeys(name), ["\0kh"]);
    await hash.set("f", "a", { ttlMs: 1 });
    await hash.set("f", "b");
    await hash.set("long", "c", { ttlMs: 1_000_000 });
    await hash.set("short", "v", { ttlMs: 1 });
    await waitFor("the field to expire", async () => (await hash.get("short")) === null);
    assert.equal(await hash.get("f"), "b");
    assert.equal(await hash.get("long"), "c");
    assert.equal(await redis.hget(name, "f"), "b");
    assert.equal(await hash.delete("long"), true);
    await hash.set("short", "v", { ttlMs: 1 });
    await waitFor("the field to expire", async () => !(await hash.delete("short")));
    // What looks like the form that expiries have is a value all the same.
    for (const value of ["\0kh:0:", "\0kh:claim:x", "\0kh:", "\0kh", "\0"]) {
      for (const ttlMs of [undefined, 1_000_000, undefined]) {
        await hash.set("odd", Buffer.from(value), ttlMs === undefined ? {} : { ttlMs });
        assert.equal(await hash.get("odd"), value);
        await hash.set("odd", value, ttlMs === undefined ? {} : { ttlMs });
        assert.equal(await hash.get("odd"), value);
      }
    }
  });

  test("an expired value does not bring back the older one from before a growth", async (t) => {
    const redis = ioredisAt(t, server.port);
    for (const field of FIELDS) await new HashShards(redis, "old", { shards: 1 }).set(field, "old");
    const grown = new HashShards(redis, "old", { shards: 64 });
    for (const field of FIELDS) await grown.set(field, "new", { ttlMs: 1 });
    await waitFor("all fields to expire", async () => {
      for (const field of FIELDS) {
        const value = await grown.get(field);
        assert.notEqual(value, "old");
        if (value !== null) return false;
      }
      return true;
    });
    await grown.rebalance();
    for (const field of FIELDS) assert.equal(await grown.get(field), null);
  });

  test("reading what nobody wrote writes nothing", async (t) => {
    const redis = ioredisAt(t, server.port);
    await redis.flushall();
    const hash = new HashShards(redis, "none");
    assert.equal(await hash.get("a"), null);
    assert.equal(await hash.delete("a"), false);
    await hash.rebalance();
    assert.deepEqual(await redis.keys("*"), []);
  });

  test("a record that something else wrote is an error that says so", async (t) => {
    const redis = ioredisAt(t, server.port);
    const hash = new HashShards(redis, "spoilt", { shards: 1 });
    await hash.set("a", "1");
    const [record] = (await redis.keys("spoilt:hash-shards:*")) as [string];
    await redis.set(record, "mine");
    await assert.rejects(hash.delete("a"), /record of shard counts says "mine"/);
    const [shard] = (await redis.keys("spoilt:hash:*")) as [string];
    for (const spoil of [() => redis.set(shard, "mine"), () => redis.rpush(shard, "mine")]) {
      await redis.del(shard);
      await spoil();
      await assert.rejects(hash.get("a"), /^ReplyError: WRONGTYPE/);
      await assert.rejects(hash.set("a", "1"), /^ReplyError: WRONGTYPE/);
    }
  });

  test("with one count in use each call is one plain command, two for a new field; with an expiry one script", async (t) => {
    const redis = ioredisAt(t, server.port);
    const hash = new HashShards(redis, "steady", { shards: 4 });
    await hash.set("first", "1");
    const names = ["hset", "hget", "hmget", "evalsha"];
    const counted = async (call: () => Promise<unknown>) => {
      await redis.config("RESETSTAT");
      await call();
      const counts = await Promise.all(names.map((name) => calls(server.port, name)));
      return Object.fromEntries(
        names.map((name, index) => [name, counts[index]]).filter(([, count]) => count),
      );
    };
    for (const each of [hash, new HashShards(redis, "steady", { shards: 4 })]) {
      await each.get("first");
      assert.deepEqual(await counted(() => each.set("first", "2")), { hset: 1 });
      assert.deepEqual(await counted(() => each.get("first")), { hmget: 1 });
      assert.deepEqual(await counted(() => each.get("none")), { hmget: 1 });
      assert.deepEqual(await counted(() => each.set(`new ${each === hash}`, "1")), { hset: 1, hget: 1 });
      assert.equal((await counted(() => each.set("timed", "1", { ttlMs: 1_000_000 }))).evalsha, 1);
      await each.get("timed");
      assert.deepEqual(await counted(() => each.get("timed")), { evalsha: 1, hget: 1 });
      assert.equal((await counted(() => each.delete("none"))).evalsha, 1);
    }
  });

  test("fields that begin like what is reserved are fields", async (t) => {
    const redis = ioredisAt(t, server.port);
    const odd = ["\0kh", "\0kh:", "\0kh=", "\0kh=\0kh", "\0kh:1:4", "\0k", "\0"];
    const hash = new HashShards(redis, "odd", { shards: 1 });
    for (const [index, field] of odd.entries())
      await hash.set(index % 2 === 0 ? field : Buffer.from(field), field);
    for (const each of [hash, new HashShards(redis, "odd", { shards: 16 })]) {
      for (const field of odd) {
        assert.equal(await each.get(field), field);
        assert.equal(await each.get(Buffer.from(field)), field);
      }
      assert.deepEqual(new Map(await each.getAll()), new Map(odd.map((field) => [field, field])));
    }
    for (const field of odd) assert.equal(await hash.delete(field), true);
    assert.deepEqual(await hash.getAll(), []);
  });

  test("all fields are read, each once, those that have expired left out, while the count grows too", async (t) => {
    const redis = ioredisAt(t, server.port);
    const hash = new HashShards(redis, "all", { shards: 4 });
    assert.deepEqual(await hash.getAll(), []);
    for (const field of FIELDS) await hash.set(field, `of ${field}`);
    await hash.set("timed", "t", { ttlMs: 1_000_000 });
    await hash.set(NOT_UTF8, NOT_UTF8);
    await hash.set("short", "s", { ttlMs: 1 });
    await waitFor("the field to expire", async () => (await hash.get("short")) === null);
    const expected = new Map([...FIELDS.map((field) => [field, `of ${field}`] as const), ["timed", "t"]]);
    expected.set(NOT_UTF8.toString(), NOT_UTF8.toString());
    const check = async () => {
      for (const shards of [4, 16]) {
        const all = await new HashShards(redis, "all", { shards }).getAll();
        assert.equal(all.length, expected.size);
        assert.deepEqual(new Map(all), expected);
      }
    };
    await check();
    await hash.delete(FIELDS[0]!);
    expected.delete(FIELDS[0]!);
    await hash.set(FIELDS[1]!, "again");
    expected.set(FIELDS[1]!, "again");
    await check();
    await hash.rebalance();
    await check();
    const bytes = [];
    for await (const entry of hash.getAllBuffer()) bytes.push(entry);
    assert.ok(bytes.some(([field, value]) => field.equals(NOT_UTF8) && value.equals(NOT_UTF8)));
  });

  test("an aborted rebalance stops, and another one goes on", async (t) => {
    const redis = ioredisAt(t, server.port);
    for (const field of FIELDS) await new HashShards(redis, "aborted", { shards: 2 }).set(field, "v");
    const grown = new HashShards(redis, "aborted", { shards: 8 });
    const reason = new Error("enough");
    await assert.rejects(grown.rebalance({ signal: AbortSignal.abort(reason) }), reason);
    await grown.rebalance();
    for (const field of FIELDS) assert.equal(await grown.get(field), "v");
  });

  test("arguments are checked at once", async (t) => {
    const redis = ioredisAt(t, server.port);
    const make = (key: unknown, options?: unknown) => () =>
      new HashShards(redis, key as string, options as { shards: number });
    assert.throws(make(""), /^RangeError: key/);
    assert.throws(make(1), /^TypeError: key/);
    for (const shards of [0, -1, 1.5, 1025]) assert.throws(make("k", { shards }), /^RangeError: shards/);
    assert.throws(make("k", { shards: "4" }), /^TypeError: shards/);
    assert.throws(make("k", { shard: 4 }), /^TypeError: shard: no such option/);
    assert.throws(() => new HashShards({}, "k"), /^TypeError: redis/);
    const hash = new HashShards(redis, "k");
    for (const ttlMs of [0, -1, 0.5])
      await assert.rejects(hash.set("f", "v", { ttlMs }), /^RangeError: ttlMs/);
    await assert.rejects(hash.set("f", 1 as never), /^TypeError: value/);
    await assert.rejects(hash.get(undefined as never), /^TypeError: field/);
    await assert.rejects(hash.set("f", "v", { ttl: 1 } as never), /^TypeError: ttl: no such option/);
    await assert.rejects(hash.rebalance({ signal: 1 as never }), /^TypeError: signal/);
  });
});

test("what was acknowledged outlasts a server that dies, and who calls meanwhile is told", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-shards-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  const server = await startRedis(t, { args });
  const redis = ioredisAt(t, server.port, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
  await waitFor("the connection", () => redis.status === "ready");
  const hash = new HashShards(redis, "restart", { shards: 4 });
  const acknowledged = new Map<string, string>();
  let failures = 0;
  const write = async (round: number) => {
    await Promise.all(
      FIELDS.map(async (field) => {
        try {
          await hash.set(field, `${round}`);
          acknowledged.set(field, `${round}`);
        } catch (error) {
          assert.ok(error instanceof Error);
          failures++;
        }
      }),
    );
  };
  for (let round = 0; round < 3; round++) await write(round);
  // In the middle of a growth and of writes.
  const growth = new HashShards(redis, "restart", { shards: 64 }).get("any").catch(() => null);
  const writes = (async () => {
    for (let round = 3; failures === 0; round++) await write(round);
  })();
  await server.stop();
  await Promise.all([growth, writes]);
  await assert.rejects(hash.get(FIELDS[0]!));
  await startRedis(t, { args, port: server.port });
  await waitFor("the connection", () => redis.status === "ready");
  assert.ok(failures > 0);
  const grown = new HashShards(redis, "restart", { shards: 64 });
  for (const [field, value] of acknowledged) {
    const found = Number(await grown.get(field));
    // What failed may have been done all the same.
    assert.ok(found >= Number(value), `${field}: ${found}, acknowledged ${value}`);
  }
});

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());

  test("ioredis and node-redis", async (t) => {
    await exercise(ioredisOver(t, servers), "exercise");
    await exercise(await nodeRedisOver(t, servers), "exercise{2}");
  });

  test("a prefix of the client's that would put all shards into one slot is refused", (t) => {
    const redis = ioredisOver(t, servers, { keyPrefix: "{shop}:" });
    assert.throws(() => new HashShards(redis, "k"), /^RangeError: redis: its keyPrefix has a brace/);
  });

  test("growth loses nothing, and every primary has its part", async (t) => {
    const redis = ioredisOver(t, servers);
    assert.deepEqual(await grow((shards) => new HashShards(redis, "grown", { shards })), []);
    assert.notDeepEqual(await grow((shards) => new NaiveHashShards(redis, "naive", { shards })), []);
    for (const { port } of servers.primaries) {
      const names = (await command(port, ["KEYS", "grown:hash:*"])) as Buffer[];
      assert.ok(names.length > 0);
    }
  });
});
