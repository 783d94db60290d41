import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ShardedSet } from "../../src/client/remedies/sharded-set.ts";
import { NaiveShardedSet } from "../support/naive-shards.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);
const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}:${index}`);
const sorted = (members: readonly string[]) => [...members].sort();

/** What each driver must do alike. */
async function exercise(redis: object, key: string | Buffer): Promise<void> {
  const set = new ShardedSet(redis, key, { shards: 4 });
  assert.equal(await set.has("a"), false);
  assert.equal(await set.remove("a"), 0);
  assert.equal(await set.size(), 0);
  assert.deepEqual(await set.members(), []);
  assert.equal(await set.add(), 0);
  assert.equal(await set.add("a", "b", "a", "", "{tag}"), 4);
  assert.equal(await set.add("a", "c", NOT_UTF8), 2);
  // Grows: everything stays.
  const wider = new ShardedSet(redis, key, { shards: 16 });
  for (const each of [wider, set]) {
    assert.equal(await each.size(), 6);
    assert.equal(await each.has(NOT_UTF8), true);
    assert.equal(await each.has(""), true);
    assert.equal(await each.has("d"), false);
    const all = (await each.membersBuffer()).map((member) => member.toString("latin1"));
    assert.deepEqual(sorted(all), sorted(["a", "b", "c", "", "{tag}", NOT_UTF8.toString("latin1")]));
  }
  assert.equal(await wider.add("a", "e"), 1);
  assert.equal(await set.remove("a", "a", "x"), 1);
  assert.equal(await wider.remove("b", NOT_UTF8), 2);
  assert.deepEqual(sorted(await set.members()), ["", "c", "e", "{tag}"]);
  await set.rebalance();
  assert.deepEqual(sorted(await wider.members()), ["", "c", "e", "{tag}"]);
  assert.equal(await wider.size(), 4);
}

interface Members {
  add(...members: string[]): Promise<number>;
  remove(...members: string[]): Promise<number>;
  has(member: string): Promise<boolean>;
  members(): PromiseLike<string[]>;
  size(): Promise<number>;
}

/** The count grows while a process with the old one goes on. Returns what it is then, and what it must be. */
async function grow(make: (shards: number) => Members): Promise<[found: unknown, expected: unknown]> {
  const old = make(4);
  await old.add(...named("m", 60));
  const grown = make(16);
  const added = [await grown.add(...named("m", 70)), await old.add(...named("m", 80))];
  const removed = [await old.remove(...named("m", 20)), await grown.remove(...named("m", 30))];
  const found = { added, removed, size: await make(64).size(), members: sorted(await grown.members()) };
  const members = sorted(named("m", 80).slice(30));
  return [found, { added: [10, 10], removed: [20, 10], size: 50, members }];
}

async function collect(members: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const member of members) all.push(member);
  return all;
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

  test("growth loses nothing and counts nothing twice: by modulo of a configured count it does", async (t) => {
    const redis = ioredisAt(t, server.port);
    const [found, expected] = await grow((shards) => new ShardedSet(redis, "grown", { shards }));
    assert.deepEqual(found, expected);
    const [naive, same] = await grow((shards) => new NaiveShardedSet(redis, "naive", { shards }));
    assert.notDeepEqual(naive, same);
  });

  for (const isMoving of [false, true]) {
    const what = isMoving
      ? ", and is rebalanced, others add and remove: it is"
      : ", others add and remove: it and the counts are";
    test(`while it grows from 4 to 16 to 64${what} exact at the end`, async (t) => {
      const key = isMoving ? "moving race" : "race";
      const clients = Array.from({ length: 4 }, () => ioredisAt(t, server.port));
      const old = clients.map((redis) => new ShardedSet(redis, key, { shards: 4 }));
      const isIn = (round: number, index: number) => (round * 7 + index) % 3 !== 0;
      const rounds = 10;
      const counts: number[] = [];
      const work = clients.slice(1).map(async (_, writer) => {
        const set = old[writer + 1]!;
        const mine = named(`w${writer}`, 200);
        for (let round = 0; round < rounds; round++) {
          counts.push(await set.add(...mine.filter((_, index) => isIn(round, index))));
          counts.push(-(await set.remove(...mine.filter((_, index) => !isIn(round, index)))));
          for (let index = 0; index < 20; index++)
            assert.equal(await set.has(mine[index]!), isIn(round, index), `${round} ${mine[index]}`);
        }
      });
      const growing = (async () => {
        for (const shards of [4, 16, 64]) {
          const set = new ShardedSet(clients[0]!, key, { shards });
          counts.push(await set.add(`grown to ${shards}`));
          await set.members();
          if (isMoving) await set.rebalance();
        }
      })();
      await Promise.all([...work, growing]);
      const expected = ["grown to 4", "grown to 16", "grown to 64"];
      for (let writer = 0; writer < 3; writer++)
        expected.push(...named(`w${writer}`, 200).filter((_, index) => isIn(rounds - 1, index)));
      for (const set of [old[0]!, new ShardedSet(clients[0]!, key, { shards: 64 })]) {
        assert.deepEqual(sorted(await set.members()), sorted(expected));
        assert.equal(await set.size(), expected.length);
      }
      // What moves may be counted as new.
      const total = counts.reduce((sum, one) => sum + one, 0);
      if (!isMoving) assert.equal(total, expected.length);
      await old[0]!.rebalance();
      // Nothing is left where it was before.
      const names = await clients[0]!.keys(`${key}:set:*`);
      const types = await Promise.all(names.map((name) => clients[0]!.type(name)));
      const open = names.filter((_, index) => types[index] === "set");
      const lying = await Promise.all(open.map((name) => clients[0]!.smembers(name)));
      const isMark = (member: string) => member.startsWith("\0kh:");
      assert.equal(lying.flat().filter((member) => !isMark(member)).length, expected.length);
      assert.equal(lying.flat().filter(isMark).length, open.length);
    });
  }

  test("reading while others add, remove, move and grow gives each that stays, once", async (t) => {
    const redis = ioredisAt(t, server.port);
    const old = new ShardedSet(redis, "stream", { shards: 2 });
    const stay = named("stay", 3000);
    await old.add(...stay);
    const others = new ShardedSet(ioredisAt(t, server.port), "stream", { shards: 2 });
    const readings = [2, 8, 32].map(async (shards, at) => {
      const reading: string[] = [];
      for await (const member of old.members()) {
        reading.push(member);
        // In the middle of it, the first time.
        if (reading.length === 500 * (at + 1)) {
          await new ShardedSet(redis, "stream", { shards }).add("more");
          await others.add(...named(`new ${shards}`, 300));
          await others.remove(...named(`new ${shards}`, 150));
          await others.add(...stay.slice(0, 1000));
          await others.rebalance();
        }
      }
      return reading;
    });
    for (const reading of await Promise.all(readings)) {
      assert.equal(new Set(reading).size, reading.length);
      const given = new Set(reading);
      assert.deepEqual(
        stay.filter((member) => !given.has(member)),
        [],
      );
    }
  });

  test("a reading may be left, and begun anew", async (t) => {
    const set = new ShardedSet(ioredisAt(t, server.port), "left", { shards: 2 });
    await set.add(...named("m", 500));
    const members = set.members();
    for await (const member of members) {
      assert.match(member, /^m:/);
      break;
    }
    assert.equal((await collect(members)).length, 500);
    assert.equal((await members).length, 500);
  });

  test("many members are a script of at most 500 each, and callers at the same time are each counted right", async (t) => {
    const redis = ioredisAt(t, server.port);
    const set = new ShardedSet(redis, "many", { shards: 2 });
    const members = named("m", 5000);
    const added = await Promise.all([0, 1, 2, 3].map(() => set.add(...members)));
    assert.equal(
      added.reduce((sum, one) => sum + one, 0),
      5000,
    );
    assert.equal(await set.size(), 5000);
    const removed = await Promise.all([0, 1, 2, 3].map(() => set.remove(...members)));
    assert.equal(
      removed.reduce((sum, one) => sum + one, 0),
      5000,
    );
    assert.equal(await set.size(), 0);
  });

  test("an error of one shard rejects, and says that the others have done their part", async (t) => {
    const redis = ioredisAt(t, server.port);
    const set = new ShardedSet(redis, "half", { shards: 4 });
    await set.add(...named("m", 40));
    const [name] = (await redis.keys("half:set:*")) as [string];
    await redis.del(name);
    await redis.set(name, "no set");
    await assert.rejects(
      set.add(...named("n", 40)),
      /1 of 4 shards failed, the others have done their part: .*WRONGTYPE/,
    );
    await assert.rejects(collect(set.members()), /WRONGTYPE/);
    await assert.rejects(async () => await set.members(), /WRONGTYPE/);
    await assert.rejects(set.size(), /WRONGTYPE/);
    await redis.del(name);
    assert.ok((await set.size()) >= 40);
  });

  test("with one count in use a call is one plain command a shard, two where it adds what is new or removes what is none", async (t) => {
    const redis = ioredisAt(t, server.port);
    const set = new ShardedSet(redis, "steady", { shards: 4 });
    await set.add("first", "second");
    const counted = async (call: () => Promise<unknown>) => {
      await redis.config("RESETSTAT");
      await call();
      const stats = await redis.info("commandstats");
      const counts = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)].map(([, name, count]) => [
        name,
        Number(count),
      ]);
      return Object.fromEntries(counts.filter(([name]) => /^s.*|evalsha/.test(String(name))));
    };
    for (const each of [set, new ShardedSet(redis, "steady", { shards: 4 })]) {
      await each.has("first");
      assert.deepEqual(await counted(() => each.add("first")), { sadd: 1 });
      assert.deepEqual(await counted(() => each.has("first")), { smismember: 1 });
      assert.deepEqual(await counted(() => each.has("none")), { smismember: 1 });
      assert.deepEqual(await counted(() => each.add("new")), { sadd: 1, sismember: 1 });
      assert.deepEqual(await counted(() => each.remove("new")), { srem: 1 });
      assert.deepEqual(await counted(() => each.remove("new")), { srem: 1, sismember: 1 });
    }
  });

  test("a server without SMISMEMBER does", async (t) => {
    const older = await startRedis(t, { args: ["--rename-command", "SMISMEMBER", ""] });
    for (const redis of [ioredisAt(t, older.port), await nodeRedisAt(t, older.port)]) {
      await exercise(redis, "older");
      await command(older.port, ["FLUSHALL"]);
    }
  });

  test("members that begin like what is reserved are members", async (t) => {
    const redis = ioredisAt(t, server.port);
    const odd = ["\0kh", "\0kh:", "\0kh=", "\0kh=\0kh", "\0kh:1:1", "\0kh:2:1,16", "\0k", "\0"];
    const set = new ShardedSet(redis, "odd", { shards: 1 });
    assert.equal(await set.add(...odd, ...odd.map((member) => Buffer.from(member))), odd.length);
    for (const each of [set, new ShardedSet(redis, "odd", { shards: 16 })]) {
      for (const member of odd) assert.equal(await each.has(Buffer.from(member)), true);
      assert.deepEqual(sorted(await each.members()), sorted(odd));
      assert.equal(await each.size(), odd.length);
    }
    assert.equal(await set.remove(...odd), odd.length);
    assert.deepEqual(await set.members(), []);
    assert.equal(await set.size(), 0);
  });

  test("arguments are checked at once", async (t) => {
    const redis = ioredisAt(t, server.port);
    assert.throws(() => new ShardedSet(redis, ""), /^RangeError: key/);
    assert.throws(() => new ShardedSet(redis, "k", { shards: 0 }), /^RangeError: shards/);
    assert.throws(() => new ShardedSet(redis, "k", { shards: 1025 }), /^RangeError: shards/);
    assert.throws(
      () => new ShardedSet(redis, "k", { shard: 1 } as never),
      /^TypeError: shard: no such option/,
    );
    assert.throws(() => new ShardedSet({}, "k"), /^TypeError: redis/);
    const set = new ShardedSet(redis, "k");
    await assert.rejects(set.add("a", 1 as never), /^TypeError: member/);
    await assert.rejects(set.remove(null as never), /^TypeError: member/);
    await assert.rejects(set.has(undefined as never), /^TypeError: member/);
    assert.equal(await set.has("a"), false);
  });
});

test("what was acknowledged outlasts a server that dies, and who calls meanwhile is told", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-shards-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  const server = await startRedis(t, { args });
  const redis = ioredisAt(t, server.port, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
  await waitFor("the connection", () => redis.status === "ready");
  const set = new ShardedSet(redis, "restart", { shards: 4 });
  const acknowledged: string[] = [];
  let failures = 0;
  const write = async (name: string) => {
    for (const member of named(name, 50)) {
      try {
        await set.add(member);
        acknowledged.push(member);
      } catch (error) {
        assert.ok(error instanceof Error);
        failures++;
      }
    }
  };
  await write("before");
  const growth = new ShardedSet(redis, "restart", { shards: 64 }).add("growth").catch(() => null);
  const writes = Promise.all([write("a"), write("b"), write("c")]);
  await server.stop();
  await Promise.all([growth, writes]);
  await assert.rejects(collect(set.members()));
  await startRedis(t, { args, port: server.port });
  await waitFor("the connection", () => redis.status === "ready");
  assert.ok(failures > 0);
  const members = new Set(await new ShardedSet(redis, "restart", { shards: 64 }).members());
  assert.deepEqual(
    acknowledged.filter((member) => !members.has(member)),
    [],
  );
  for (const member of acknowledged) assert.equal(await set.has(member), true);
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

  test("a call over many shards is no command over several slots: in one command it is refused", async (t) => {
    const redis = ioredisOver(t, servers);
    const scenario = async (set: Members) => {
      await set.add(...named("m", 100));
      return sorted(await set.members());
    };
    assert.deepEqual(
      await scenario(new ShardedSet(redis, "crossslot", { shards: 16 })),
      sorted(named("m", 100)),
    );
    await assert.rejects(scenario(new NaiveShardedSet(redis, "naive", { shards: 16 })), /CROSSSLOT/);
  });

  test("every primary has its part", async (t) => {
    const redis = ioredisOver(t, servers);
    const [found, expected] = await grow((shards) => new ShardedSet(redis, "grown", { shards }));
    assert.deepEqual(found, expected);
    for (const { port } of servers.primaries) {
      const names = (await command(port, ["KEYS", "grown:set:*"])) as Buffer[];
      assert.ok(names.length > 0);
    }
  });
});
