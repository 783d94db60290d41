import assert from "node:assert/strict";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import type { Cluster, Redis } from "ioredis";
import { commandsOf } from "../../src/client/remedies/commands.ts";
import { IncompleteWriteError } from "../../src/client/remedies/incomplete-write-error.ts";
import { SlotSpread } from "../../src/client/remedies/slot-spread.ts";
import { Observations } from "../../src/client/remedies/spread/observations.ts";
import { type GatedCall, gatedClient } from "../support/gated-client.ts";
import { command, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisAt, nodeRedisOver } from "../support/remedy-clients.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);

let servers: TestCluster;
before(async () => {
  servers = await startRedisCluster(null);
});
after(() => servers.stop());
beforeEach(async () => {
  await Promise.all(servers.primaries.map(({ port }) => command(port, ["FLUSHALL"])));
});

async function connected(t: TestContext, options: object = {}): Promise<Cluster> {
  const cluster = ioredisOver(t, servers, options);
  await cluster.ping();
  return cluster;
}

const distinct = <Value>(values: readonly Value[]) => new Set(values).size;

async function reads(spread: SlotSpread, key: string, n = 30): Promise<Set<string | null>> {
  return new Set(await Promise.all(Array.from({ length: n }, () => spread.get(key))));
}

async function exercise(cluster: object): Promise<void> {
  const [spread, reader] = [new SlotSpread(cluster), new SlotSpread(cluster)];
  for (const key of ["plain", "user:{42}:x", "{", NOT_UTF8]) {
    assert.equal(await reader.get(key), null);
    for (const value of ["one", "", NOT_UTF8]) {
      await spread.set(key, value);
      for (let i = 0; i < 10; i++)
        assert.deepEqual(await reader.getBuffer(key), Buffer.from(value as string));
    }
    await spread.delete(key);
    for (let i = 0; i < 10; i++) assert.equal(await reader.get(key), null);
    await spread.set(key, "again", { ttlMs: 600_000 });
    assert.equal(await reader.get(key), "again");
    const variants = spread.variants(key);
    assert.equal(distinct(variants.map(({ node }) => node)), 3);
    assert.deepEqual(variants[0]?.key, key);
    for (const { key: name, node } of variants) assert.equal(node, servers.primaryOf(name).address);
  }
}

describe("whichever client", () => {
  test("ioredis", async (t) => {
    await exercise(await connected(t));
  });
  test("node-redis", async (t) => {
    await exercise(await nodeRedisOver(t, servers));
  });
  test("a prefix counts for the slots, and is put before all variants", async (t) => {
    const spread = new SlotSpread(await connected(t, { keyPrefix: "app:" }));
    await spread.set("k", "v");
    assert.equal(await spread.get("k"), "v");
    for (const { key, node } of spread.variants("k")) {
      const { port, address } = servers.primaryOf(`app:${key}`);
      assert.equal(address, node);
      assert.match(String(await command(port, ["GET", `app:${key}`])), /v$/);
    }
    assert.throws(
      () => new SlotSpread(ioredisOver(t, servers, { keyPrefix: "{app}:" })),
      /^RangeError: redis: its keyPrefix/,
    );
  });
  test("a client that has not connected yet waits with its commands, and tells of no variants", async (t) => {
    const spread = new SlotSpread(ioredisOver(t, servers));
    assert.equal(spread.distinctNodes, 0);
    assert.throws(() => spread.variants("k"), /wait until the client is ready/);
    assert.equal(await spread.get("k"), null);
    const other = new SlotSpread(ioredisOver(t, servers));
    await other.set("k", "v");
    assert.equal(other.distinctNodes, 3);
    for (const { key } of other.variants("k"))
      assert.equal(Number(await command(servers.primaryOf(key).port, ["EXISTS", key])), 1);
  });
});

test("arguments are checked at once", async (t) => {
  const cluster = await connected(t);
  const made = (options: unknown) => () => new SlotSpread(cluster, options as object);
  for (const copies of [0, 65, 2.5]) assert.throws(made({ copies }), /^RangeError: copies/);
  assert.throws(made({ copyTtlMs: 0 }), /^RangeError: copyTtlMs/);
  assert.throws(made({ copyTtlMs: "1" }), /^TypeError: copyTtlMs/);
  assert.throws(made({ shards: 2 }), /^TypeError: shards: no such option/);
  const port = servers.primaries[0]!.port;
  for (const single of [ioredisAt(t, port), await nodeRedisAt(t, port)])
    assert.throws(() => new SlotSpread(single), /^TypeError: cluster: expected a Cluster/);
  const spread = new SlotSpread(cluster);
  await assert.rejects(spread.set("", "v"), /^RangeError: key/);
  await assert.rejects(spread.set("k", 1 as unknown as string), /^TypeError: value/);
  await assert.rejects(spread.set("k", "v", { ttlMs: -1 }), /^RangeError: ttlMs/);
  await assert.rejects(spread.get(1 as unknown as string), /^TypeError: key/);
  assert.throws(() => spread.variants(""), /^RangeError: key/);
});

/** How much of so many reads each node answers. */
async function sharesOf(spread: SlotSpread, key: string): Promise<number[]> {
  const readsAt = () =>
    Promise.all(
      servers.primaries.map(async ({ port }) => {
        const stats = String(await command(port, ["INFO", "commandstats"]));
        return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
      }),
    );
  const before = await readsAt();
  await reads(spread, key, 600);
  return (await readsAt()).map((count, node) => (count - before[node]!) / 600);
}

test("reads of one key come to all nodes alike, with as many copies as nodes and with more; with one, to its own", async (t) => {
  const cluster = await connected(t);
  for (const copies of [3, 4, 5]) {
    const spread = new SlotSpread(cluster, { copies });
    await spread.set("hot", "v");
    const shares = await sharesOf(spread, "hot");
    for (const share of shares) assert.ok(share > 0.23 && share < 0.43, `${copies} copies: ${shares}`);
  }
  const plain = new SlotSpread(cluster, { copies: 1 });
  await plain.set("hot", "w");
  const home = servers.primaries.indexOf(servers.primaryOf("hot"));
  assert.equal((await sharesOf(plain, "hot"))[home], 1);
  assert.deepEqual(
    plain.variants("hot").map(({ key }) => key),
    ["hot"],
  );
  await plain.delete("hot");
  assert.equal(await plain.get("hot"), null);
});

test("names of variants are text for a key that is, and Buffers for one of bytes", async (t) => {
  const spread = new SlotSpread(await connected(t));
  const [, text] = spread.variants("k");
  // That this compiles is the test: it is not of the type of the key itself.
  assert.equal(text!.key === "not k", false);
  const [, bytes] = spread.variants(new Uint8Array(Buffer.from("k")));
  assert.ok(bytes!.key.equals(Buffer.from(text!.key)));
});

test("one command or pipeline cannot have several variants of a key", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  const names = spread.variants("hot").map(({ key }) => key);
  await assert.rejects(cluster.mget(...names), /CROSSSLOT|same slot/i);
  const pipeline = cluster.pipeline();
  for (const name of names) pipeline.set(name, "v");
  await assert.rejects(pipeline.exec(), /same slots? allocation group|same node/i);
});

test("where the cluster has fewer nodes than copies, it says so, once", async (t) => {
  const warnings: Error[] = [];
  const collect = (warning: Error) => warnings.push(warning);
  process.on("warning", collect);
  t.after(() => process.off("warning", collect));
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster, { copies: 5 });
  await spread.set("a", "1");
  assert.equal(await spread.get("a"), "1");
  assert.equal(spread.distinctNodes, 3);
  const variants = spread.variants("a");
  assert.equal(distinct(variants.map(({ slot }) => slot)), 5);
  assert.equal(distinct(variants.map(({ node }) => node)), 3);
  const enough = new SlotSpread(cluster, { copies: 3 });
  await enough.get("a");
  await waitFor("the warning", () => warnings.length > 0);
  const [told] = warnings;
  assert.equal(warnings.length, 1);
  assert.equal(Reflect.get(told!, "code"), "KEYHEAT_FEW_NODES");
  assert.match(told!.message, /5 copies on 3 nodes/);
});

test("copies are what the page says, live a minute, and no longer than the key", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  await spread.set("form", "v");
  const [home, ...copies] = spread.variants("form").map(({ key }) => key);
  assert.equal(await cluster.get(home!), "v");
  assert.equal(await cluster.pttl(home!), -1);
  for (const copy of copies) {
    assert.match(String(await cluster.get(copy)), /^keyheat\/1 \d{16} value\nv$/);
    const ttl = await cluster.pttl(copy);
    assert.ok(ttl > 0 && ttl <= 60_000, `lives ${ttl} ms`);
  }
  await spread.set("form", "w", { ttlMs: 2000 });
  for (const copy of copies) assert.ok((await cluster.pttl(copy)) <= 2000);
  await spread.delete("form");
  assert.equal(await cluster.exists(home!), 0);
  for (const copy of copies) assert.match(String(await cluster.get(copy)), /^keyheat\/1 \d{16} nothing\n$/);
  await cluster.set(copies[0]!, "somebody else's");
  await assert.rejects(spread.set("form", "x"), /holds something else than a copy/);
});

test("a missing copy is made again, for what is left of the key's life", async (t) => {
  const cluster = await connected(t);
  await cluster.set("k", "plain", "PX", 5000);
  const spread = new SlotSpread(cluster);
  const copies = spread.variants("k").slice(1);
  await waitFor("copies", async () => {
    assert.equal(await spread.get("k"), "plain");
    return (await Promise.all(copies.map(({ key }) => cluster.exists(key)))).every((n) => n === 1);
  });
  for (const { key } of copies) assert.ok((await cluster.pttl(key)) <= 5000);
});

test("what others write to the key is seen when copies end", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster, { copyTtlMs: 300 });
  await spread.set("k", "old");
  await cluster.set("k", "new");
  await waitFor("all to read the new one", async () => {
    const read = await reads(spread, "k");
    return read.size === 1 && read.has("new");
  });
  await cluster.del("k");
  await waitFor("all to read nothing", async () => {
    const read = await reads(spread, "k");
    return read.size === 1 && read.has(null);
  });
});

interface Spread {
  set(value: string): Promise<void>;
  get(): Promise<string | null>;
}

/** The same value to all variants, without an order of the writes. */
function naive(client: object, names: readonly string[]): Spread {
  const { callBuffer } = client as Pick<Redis, "callBuffer">;
  return {
    set: async (value) => {
      await Promise.all(names.map((name) => callBuffer("SET", name, value)));
    },
    get: async () => String(await callBuffer("GET", names[Math.floor(Math.random() * names.length)]!)),
  };
}

/** One writer's commands to the copies are held up until another has written. Returns what is read afterwards. */
async function overtaken(
  t: TestContext,
  make: (client: object, names: string[]) => Spread,
): Promise<Set<string | null>> {
  const cluster = await connected(t);
  const names = new SlotSpread(cluster).variants("race").map(({ key }) => key);
  const released = Promise.withResolvers<undefined>();
  let held = 0;
  const slow = gatedClient(cluster, ({ key }: GatedCall) => {
    if (key === "race") return undefined;
    held++;
    return released.promise;
  });
  const [first, second] = [
    make(slow, names),
    make(
      gatedClient(cluster, () => undefined),
      names,
    ),
  ];
  const writing = first.set("first");
  await waitFor(
    "the first writer to come to the copies",
    async () => held >= 2 && (await cluster.get("race")) === "first",
  );
  await second.set("second");
  released.resolve(undefined);
  await writing;
  return new Set(await Promise.all(Array.from({ length: 40 }, () => second.get())));
}

test("a writer that is overtaken leaves what came after it; without an order the copies differ", async (t) => {
  const remedy = (client: object): Spread => {
    const spread = new SlotSpread(client);
    return { set: (value) => spread.set("race", value), get: () => spread.get("race") };
  };
  assert.deepEqual(await overtaken(t, remedy), new Set(["second"]));
  assert.ok((await overtaken(t, naive)).size > 1);
});

test("a reader that is overtaken by a write or a deletion does not bring the old value back", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  const observations = new Observations(commandsOf(cluster), 60_000);
  await spread.set("k", "old");
  const read = await observations.observe("k");
  for (const value of ["new", null]) {
    if (value === null) await spread.delete("k");
    else await spread.set("k", value);
    for (const { key } of spread.variants("k").slice(1)) await observations.put(key, read);
    assert.deepEqual(await reads(spread, "k"), new Set([value]));
  }
  // So late that no copy remembers: by its age it is refused all the same.
  const [, copy] = spread.variants("k");
  await cluster.del(copy!.key);
  await observations.put(copy!.key, { ...read, at: read.at - 61_000_000 });
  assert.equal(await cluster.exists(copy!.key), 0);
});

test("writers at once: all variants have what the key has", async (t) => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => connected(t)));
  const spreads = clients.map((cluster) => new SlotSpread(cluster));
  for (let round = 0; round < 20; round++) {
    await Promise.all(spreads.map((spread, at) => spread.set("k", `${round}:${at}`)));
    assert.deepEqual(await reads(spreads[0]!, "k"), new Set([await clients[0]!.get("k")]));
  }
});

test("a write outdoes copies that a server with a clock ahead has made", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  const observations = new Observations(commandsOf(cluster), 60_000);
  const at = Date.now() * 1000 + 3_600_000_000;
  for (const { key } of spread.variants("k").slice(1))
    await observations.put(key, { at, expiresAtMs: 0, value: Buffer.from("ahead") });
  await spread.set("k", "now");
  assert.deepEqual(await reads(spread, "k"), new Set(["now"]));
  await spread.delete("k");
  assert.deepEqual(await reads(spread, "k"), new Set([null]));
});

test("a write outdoes copies from a clock that was ahead by less than a command takes", async (t) => {
  const cluster = await connected(t);
  const observations = new Observations(commandsOf(cluster), 60_000);
  let aheadMs = 0;
  const slow = gatedClient(cluster, async ({ key }) => {
    if (key !== "k" && aheadMs === 0) {
      aheadMs = Date.now() + 20;
      const ahead = { at: aheadMs * 1000, expiresAtMs: 0, value: Buffer.from("ahead") };
      for (const copy of new SlotSpread(cluster).variants("k").slice(1))
        await observations.put(copy.key, ahead);
    }
    // By the time that the key is asked what it holds, its server's clock is past the other one.
    if (key === "k") await waitFor("the clock", () => Date.now() > aheadMs);
    return undefined;
  });
  await new SlotSpread(slow).set("k", "now");
  assert.notEqual(aheadMs, 0);
  assert.deepEqual(await reads(new SlotSpread(cluster), "k"), new Set(["now"]));
});

test("what a node says against a copy comes through as an error, and reads go around it", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  await spread.set("k", "v");
  const [home, copy, other] = spread.variants("k").map(({ key }) => key);
  await cluster.del(copy!);
  await cluster.rpush(copy!, "a list");
  await assert.rejects(spread.set("k", "w"), (error) => {
    assert.ok(error instanceof IncompleteWriteError);
    assert.match(error.message, /^the key k: 1 of 3 copies could not be written.*WRONGTYPE/);
    return true;
  });
  assert.deepEqual(await reads(spread, "k"), new Set(["w"]));
  await cluster.del(home!);
  await cluster.rpush(home!, "a list");
  await assert.rejects(new SlotSpread(cluster, { copies: 1 }).get("k"), /WRONGTYPE/);
  assert.deepEqual(await reads(spread, "k"), new Set(["w"]));
  await cluster.del(other!);
  await assert.rejects(spread.get("k"), /WRONGTYPE/);
});

test("a slot that moves takes its variant with it, or a new variant takes its place", async (t) => {
  const cluster = await connected(t);
  const spread = new SlotSpread(cluster);
  await spread.set("k", "v");
  const [home, copy] = spread.variants("k");
  const to = servers.primaries.find(({ address }) => address === home!.node)!;
  const from = servers.primaries.find(({ address }) => address === copy!.node)!;
  const move = await servers.beginMove(copy!.slot, to);
  assert.deepEqual(await reads(spread, "k"), new Set(["v"]));
  await move.finish();
  await waitFor("variants on three nodes again", async () => {
    assert.equal(await spread.get("k"), "v");
    await cluster.get(copy!.key);
    const variants = spread.variants("k");
    return (
      variants.every(({ slot }) => slot !== copy!.slot) && distinct(variants.map(({ node }) => node)) === 3
    );
  });
  await spread.set("k", "w");
  assert.deepEqual(await reads(spread, "k"), new Set(["w"]));
  for (const { port } of [from, to, ...servers.primaries])
    await command(port, ["CLUSTER", "SETSLOT", copy!.slot, "NODE", from.id]).catch(() => null);
});
