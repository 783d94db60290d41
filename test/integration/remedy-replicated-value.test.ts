import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { commandsOf } from "../../src/client/remedies/commands.ts";
import { IncompleteWriteError } from "../../src/client/remedies/incomplete-write-error.ts";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { Copies } from "../../src/client/remedies/replicated/copies.ts";
import { parseCopy } from "../../src/client/remedies/replicated/copy.ts";
import { LastSeen } from "../../src/client/remedies/replicated/last-seen.ts";
import { ReplicatedValue } from "../../src/client/remedies/replicated-value.ts";
import { slotOf } from "../../src/model/slot.ts";
import { gatedClient } from "../support/gated-client.ts";
import { startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);
const HOUR_MS = 3_600_000;
const PLACE = { isCluster: false, keyPrefix: Buffer.alloc(0) };

const namesOf = (key: string, copies: number) => partNames(key, "copy", copies, PLACE);

/** What each kind of client must do alike. */
async function exercise(redis: object): Promise<void> {
  for (const key of ["plain", "user:{42}:x", "{", NOT_UTF8]) {
    const value = new ReplicatedValue(redis, key, { copies: 5 });
    const reader = new ReplicatedValue(redis, key, { copies: 5 });
    assert.equal(await value.get(), null);
    await value.set("one");
    for (let i = 0; i < 20; i++) assert.equal(await reader.get(), "one");
    await value.set(NOT_UTF8);
    assert.deepEqual(await reader.getBuffer(), NOT_UTF8);
    await value.set("");
    assert.equal(await reader.get(), "");
    await value.delete();
    for (let i = 0; i < 20; i++) assert.equal(await reader.get(), null);
    await value.delete();
    await value.set("again", { ttlMs: 600_000 });
    assert.equal(await reader.get(), "again");
  }
}

describe("one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  /** A client as of another process: it remembers nothing of what others saw. */
  const client = async (t: TestContext) => {
    const redis = ioredisAt(t, server.port);
    await redis.ping();
    return redis;
  };
  /** Reads as many new processes would. */
  const freshReads = async (t: TestContext, key: string, copies: number, n = 30) => {
    const redis = await client(t);
    const read = () =>
      new ReplicatedValue(
        gatedClient(redis, () => undefined),
        key,
        { copies },
      ).get();
    return new Set(await Promise.all(Array.from({ length: n }, read)));
  };

  test("ioredis and node-redis set, read and delete any bytes under any key", async (t) => {
    const plain = await client(t);
    await exercise(plain);
    await plain.flushall();
    await exercise(await nodeRedisAt(t, server.port));
    await plain.flushall();
    await exercise(ioredisAt(t, server.port, { keyPrefix: "app:" }));
    await plain.flushall();
  });

  test("copies are what the page says, and a value with a TTL leaves nothing but small markers", async (t) => {
    const redis = await client(t);
    const value = new ReplicatedValue(redis, "form", { copies: 2 });
    await value.set("v", { ttlMs: 500 });
    for (const name of namesOf("form", 2)) {
      assert.match(String(await redis.get(name)), /^keyheat\/1 \d{16} \d{13} 2 value\nv$/);
      const ttl = await redis.pttl(name);
      assert.ok(ttl > 0 && ttl <= 500, `lives ${ttl} ms`);
    }
    await waitFor("the value to expire", async () => (await value.get()) === null);
    const left = await redis.keys("form*");
    assert.deepEqual(
      left.sort(),
      namesOf("form", 2)
        .map((name) => `${name}:version`)
        .sort(),
    );
    assert.ok((await redis.pttl(String(left[0]))) > 3_000_000);
    await value.delete();
    for (const name of namesOf("form", 2)) assert.match(String(await redis.get(name)), / 2 deleted\n$/);
  });

  test("arguments are checked at once", async (t) => {
    const redis = await client(t);
    const made = (key: unknown, options?: unknown) => () =>
      new ReplicatedValue(redis, key as string, options as object);
    assert.throws(made(""), /^RangeError: key/);
    assert.throws(made(1), /^TypeError: key/);
    for (const copies of [0, -1, 1.5, 1025, Number.NaN])
      assert.throws(made("k", { copies }), /^RangeError: copies/);
    assert.throws(made("k", { copies: "3" }), /^TypeError: copies/);
    assert.throws(made("k", { copy: 3 }), /^TypeError: copy: no such option; there are copies/);
    assert.throws(() => new ReplicatedValue({}, "k"), /^TypeError: redis/);
    const value = new ReplicatedValue(redis, "k");
    await assert.rejects(value.set(1 as unknown as string), /^TypeError: value/);
    await assert.rejects(value.set("v", { ttlMs: 0 }), /^RangeError: ttlMs/);
    await assert.rejects(value.set("v", { ttlMs: "1" as unknown as number }), /^TypeError: ttlMs/);
    await assert.rejects(value.set("v", { ttl: 1 } as object), /^TypeError: ttl: no such option/);
    assert.equal(await redis.exists(...namesOf("k", 4)), 0);
  });

  test("a missing copy is read from another, and made again", async (t) => {
    const redis = await client(t);
    const names = namesOf("evicted", 4);
    await new ReplicatedValue(redis, "evicted").set("v", { ttlMs: 600_000 });
    for (const lost of [[0], [2], [0, 1, 3]]) {
      await redis.del(...lost.map((index) => names[index]!));
      const reader = new ReplicatedValue(await client(t), "evicted");
      await waitFor("all copies to be there again", async () => {
        assert.equal(await reader.get(), "v");
        return (await redis.exists(...names)) === names.length;
      });
      for (const name of names) assert.ok((await redis.pttl(name)) > 500_000);
    }
  });

  test("a copy that fails midway is told of; the write may be seen, and is never seen as nothing", async (t) => {
    const redis = await client(t);
    await new ReplicatedValue(redis, "midway").set("old");
    const [, second, third] = namesOf("midway", 4).map(String);
    let scripts = 0;
    // The first script asks what is there, the second writes.
    const failing = gatedClient(redis, ({ name, key }) => {
      if (name === "EVALSHA" && (key === second || key === third) && ++scripts > 2)
        throw new Error("cut off");
    });
    await assert.rejects(new ReplicatedValue(failing, "midway").set("new"), (error) => {
      assert.ok(error instanceof IncompleteWriteError);
      assert.equal(error.copies, 4);
      assert.equal(error.failures.length, 2);
      const told = /^the replicated value midway: 2 of 4 copies could not .*write it again \(cut off\)$/;
      assert.match(error.message, told);
      return true;
    });
    assert.deepEqual([...(await freshReads(t, "midway", 4, 100))].sort(), ["new", "old"]);
    const reader = new ReplicatedValue(await client(t), "midway");
    await waitFor("the new one", async () => (await reader.get()) === "new");
    for (let i = 0; i < 20; i++) assert.equal(await reader.get(), "new");
  });

  test("a copy out of reach fails a write before it begins, and is read around", async (t) => {
    const redis = await client(t);
    const value = new ReplicatedValue(redis, "broken");
    await value.set("old");
    const names = namesOf("broken", 4);
    for (const name of [names[1]!, names[0]!]) {
      await redis.del(name);
      await redis.rpush(name, "a list");
      await assert.rejects(value.set("new"), /WRONGTYPE/);
      assert.deepEqual(await freshReads(t, "broken", 4), new Set(["old"]));
      await redis.set(name, "somebody else's");
      await assert.rejects(value.delete(), /holds something else than a copy/);
      assert.deepEqual(await freshReads(t, "broken", 4), new Set(["old"]));
      await redis.del(name);
    }
    await value.set("new");
    assert.deepEqual(await freshReads(t, "broken", 4), new Set(["new"]));
  });

  test("where no copy is in reach the error comes through, not nothing", async (t) => {
    const own = await startRedis(t);
    const redis = ioredisAt(t, own.port, { maxRetriesPerRequest: 0 });
    const value = new ReplicatedValue(redis, "k");
    await value.set("v");
    await own.stop();
    await assert.rejects(value.get());
    await assert.rejects(value.set("w"));
    await assert.rejects(value.delete());
  });

  test("more and fewer copies: who writes fewer replaces those of who reads more", async (t) => {
    const [small, big] = [await client(t), await client(t)];
    const few = new ReplicatedValue(small, "growth", { copies: 2 });
    await few.set("of two");
    const many = new ReplicatedValue(big, "growth", { copies: 8 });
    const names = namesOf("growth", 8);
    // By read repair alone, no write of who knows of eight.
    await waitFor("eight copies", async () => {
      assert.equal(await many.get(), "of two");
      return (await small.exists(...names)) === 8;
    });
    await few.set("of two, known as eight");
    assert.deepEqual(await freshReads(t, "growth", 8), new Set(["of two, known as eight"]));
    // The first copy forgets; the others still know how many there are.
    await small.del(names[0]!);
    await few.set("home was lost");
    assert.deepEqual(await freshReads(t, "growth", 8), new Set(["home was lost"]));
    await few.delete();
    assert.deepEqual(await freshReads(t, "growth", 8), new Set([null]));
  });

  test("a write outdoes what a server with a clock ahead wrote before the first copy was lost", async (t) => {
    const redis = await client(t);
    const value = new ReplicatedValue(redis, "clock", { copies: 3 });
    const future = Date.now() * 1000 + 3_600_000_000;
    const copies = new Copies(commandsOf(redis), "clock", 3);
    const ahead = { version: future, expiresAtMs: 0, copies: 3, value: Buffer.from("ahead") };
    await copies.put(1, ahead);
    await copies.put(2, ahead);
    await value.set("now");
    assert.deepEqual(await freshReads(t, "clock", 3), new Set(["now"]));
    const stored = await Promise.all(namesOf("clock", 3).map((name) => redis.getBuffer(name)));
    for (const bytes of stored) assert.ok((parseCopy(bytes!)?.version ?? 0) > future);
  });

  test("what arrives late neither comes back after a deletion or an expiry nor hides them", async (t) => {
    const redis = await client(t);
    const copies = new Copies(commandsOf(redis), "late", 3);
    const old = await copies.begin({ value: "old", ttlMs: 0 }, 0, 3);
    const value = new ReplicatedValue(redis, "late", { copies: 3 });
    await value.delete();
    await copies.put(1, old);
    assert.deepEqual(await freshReads(t, "late", 3), new Set([null]));
    const short = await copies.begin({ value: "short", ttlMs: 1 }, 0, 3);
    await waitFor("the value to expire", async () => (await redis.exists(namesOf("late", 3)[0]!)) === 0);
    // A deletion is not seen behind what came after it and has expired.
    for (const index of [1, 2]) assert.equal((await copies.put(index, short)).isExpired, true);
    assert.equal(await redis.exists(...namesOf("late", 3)), 0);
    await copies.put(1, old);
    assert.deepEqual(await freshReads(t, "late", 3), new Set([null]));
  });

  test("a deletion is remembered for a day, which readers that repair its copies do not prolong", async (t) => {
    const redis = await client(t);
    const names = namesOf("gone", 3);
    await new ReplicatedValue(redis, "gone", { copies: 3 }).delete();
    const ofBefore = parseCopy((await redis.getBuffer(names[0]!))!)!;
    const copies = new Copies(commandsOf(redis), "gone", 3);
    // As it is after 23 hours.
    const almostOver = { ...ofBefore, version: ofBefore.version + 1, expiresAtMs: Date.now() + HOUR_MS };
    for (const index of [0, 1, 2]) await copies.put(index, almostOver);
    for (const lost of names) {
      await redis.del(lost);
      await waitFor("the copy to be there again", async () => {
        assert.deepEqual(await freshReads(t, "gone", 3, 5), new Set([null]));
        return (await redis.exists(lost)) === 1;
      });
      const ttl = await redis.pttl(lost);
      assert.ok(ttl > 0 && ttl <= HOUR_MS, `lives ${ttl} ms`);
    }
    // When it is over nothing is left.
    const over = { ...almostOver, version: ofBefore.version + 2, expiresAtMs: Date.now() + 50 };
    for (const index of [0, 1, 2]) await copies.put(index, over);
    await waitFor("it to end", async () => (await redis.exists(...names)) === 0);
    assert.deepEqual(await freshReads(t, "gone", 3, 5), new Set([null]));
    assert.equal(await redis.exists(...names), 0);
  });

  test("where the first copy is lost while a write is under way, the write still reaches it", async (t) => {
    const redis = await client(t);
    const names = namesOf("underway", 3).map(String);
    await new ReplicatedValue(redis, "underway", { copies: 3 }).set("old");
    const before = await redis.getBuffer(names[0]!);
    let scripts = 0;
    const failingOver = gatedClient(redis, async ({ name, key }) => {
      // The second script at a copy is the write; by then the first copy has it.
      if (name === "EVALSHA" && key === names[1] && ++scripts === 2) await redis.set(names[0]!, before!);
      return undefined;
    });
    await new ReplicatedValue(failingOver, "underway", { copies: 3 }).set("new");
    assert.equal(scripts, 2);
    assert.deepEqual(await freshReads(t, "underway", 3), new Set(["new"]));
  });

  test("a version that servers lost again is not taken back: who has seen it gives it to all", async (t) => {
    const redis = await client(t);
    const [home] = namesOf("lost", 3);
    await new ReplicatedValue(redis, "lost", { copies: 3 }).set("old");
    const replicated = await redis.getBuffer(home!);
    const reader = new ReplicatedValue(await client(t), "lost", { copies: 3 });
    // Half-written: the first copy alone.
    await new Copies(commandsOf(redis), "lost", 3).begin({ value: "new", ttlMs: 0 }, 0, 3);
    await waitFor("the new one to be read", async () => (await reader.get()) === "new");
    // A failover to a replica that had not got it.
    await redis.set(home!, replicated!);
    for (let i = 0; i < 20; i++) assert.equal(await reader.get(), "new");
    assert.deepEqual(await freshReads(t, "lost", 3), new Set(["new"]));
  });

  test("a read that others of its process outpace all the time gives what they have seen", async (t) => {
    const redis = await client(t);
    await new ReplicatedValue(redis, "outpaced", { copies: 3 }).set("first");
    const copies = new Copies(commandsOf(redis), "outpaced", 3);
    let version = 0;
    const write = async () => {
      ({ version } = await copies.begin({ value: "newer still", ttlMs: 0 }, version, 3));
    };
    await write();
    const outpaced = gatedClient(redis, async ({ name }) => {
      if (name !== "GET") await write();
      const seen = { version: ++version, expiresAtMs: 0, copies: 3, value: Buffer.from("seen meanwhile") };
      return () => new LastSeen(outpaced, "outpaced").remember(seen);
    });
    assert.equal(await new ReplicatedValue(outpaced, "outpaced", { copies: 3 }).get(), "seen meanwhile");
  });

  test("nothing is remembered where everything is gone", async (t) => {
    const redis = await client(t);
    const value = new ReplicatedValue(redis, "flushed");
    await value.set("v");
    await redis.flushall();
    assert.equal(await value.get(), null);
    await value.set("w");
    assert.equal(await value.get(), "w");
  });

  test("writers at once: one of them stays, the same in all copies", async (t) => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => client(t)));
    for (let round = 0; round < 20; round++) {
      const writers = clients.map((redis) => new ReplicatedValue(redis, "race", { copies: 5 }));
      await Promise.all(writers.map((writer, at) => writer.set(`${round}:${at}`)));
      const read = await freshReads(t, "race", 5, 20);
      assert.equal(read.size, 1, [...read].join(" "));
      assert.match([...read].join(), new RegExp(`^${round}:`));
    }
  });
});

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());

  test("ioredis and node-redis over several slots", async (t) => {
    await exercise(ioredisOver(t, servers));
    await Promise.all(servers.primaries.map(({ port }) => ioredisAt(t, port).flushall()));
    await exercise(await nodeRedisOver(t, servers));
  });

  test("four copies lie on all three nodes, whatever the key", () => {
    for (let i = 0; i < 200; i++) {
      const names = namesOf(`key:${i}`, 4);
      assert.equal(new Set(names.map(slotOf)).size, 4);
      assert.equal(new Set(names.map((name) => servers.primaryOf(name).port)).size, 3);
    }
  });
});
