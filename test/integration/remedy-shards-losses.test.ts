import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { HashShards } from "../../src/client/remedies/hash-shards.ts";
import { partNames } from "../../src/client/remedies/part-names.ts";
import { ShardedSet } from "../../src/client/remedies/sharded-set.ts";
import { shardOf } from "../../src/client/remedies/shards/field-hash.ts";
import { Interleaving } from "../support/interleaving.ts";
import { command, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver } from "../support/remedy-clients.ts";

interface Names {
  add(name: string): Promise<unknown>;
  has(name: string): Promise<boolean>;
  remove(name: string): Promise<unknown>;
  rebalance(): Promise<void>;
}

interface Kind {
  readonly name: string;
  readonly what: string;
  make(redis: object, key: string, shards: number): Names;
}

const KINDS: readonly Kind[] = [
  {
    name: "HashShards",
    what: "hash",
    make: (redis, key, shards) => {
      const hash = new HashShards(redis, key, { shards });
      return {
        add: (name) => hash.set(name, "1"),
        has: async (name) => (await hash.get(name)) !== null,
        remove: (name) => hash.delete(name),
        rebalance: () => hash.rebalance(),
      };
    },
  },
  {
    name: "ShardedSet",
    what: "set",
    make: (redis, key, shards) => new ShardedSet(redis, key, { shards }),
  },
];

const ALL = Array.from({ length: 200 }, (_, index) => `n${index}`);
/** They stay in their shards when 2 become 4. */
const STAYING = ALL.filter((name) => shardOf(name, 2) === shardOf(name, 4));
const BEFORE = STAYING.slice(0, 30);
const LATER = STAYING.slice(30, 60);

async function missing(names: Names, expected: readonly string[]): Promise<string[]> {
  const found = await Promise.all(expected.map((name) => names.has(name)));
  return expected.filter((_, index) => !found[index]);
}

async function scriptsRun(redis: Redis): Promise<number> {
  return Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(await redis.info("commandstats"))?.[1] ?? 0);
}

/** All keys of a shard, by the tag that they have in common. Returns what puts them back to what they are now. */
async function snapshot(redis: Redis, record: string): Promise<() => Promise<void>> {
  const tag = /\{.*\}/.exec(record)![0];
  const keys = () => redis.keys(`*${tag}*`);
  const dumps = await Promise.all(
    (await keys()).map(async (key) => [key, await redis.dumpBuffer(key)] as const),
  );
  return async () => {
    const transaction = redis.multi().del(await keys());
    for (const [key, dump] of dumps) transaction.restore(key, 0, dump);
    await transaction.exec();
  };
}

describe("what servers lose", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  for (const { name, what, make } of KINDS) {
    test(`${name}: a shard that falls back to before a growth, or to before its end, serves all processes as one again`, async (t) => {
      const redis = ioredisAt(t, server.port);
      for (const fallsTo of ["one count", "two counts"] as const) {
        for (const first of ["old", "growing", "new"] as const) {
          await redis.flushall();
          const old = make(redis, "fallen", 2);
          for (const each of BEFORE) await old.add(each);
          const records = await redis.keys(`fallen:${what}-shards:*`);
          const before = await Promise.all(records.map((record) => snapshot(redis, record)));
          const growing = make(redis, "fallen", 4);
          await growing.has("any");
          const during = await Promise.all(records.map((record) => snapshot(redis, record)));
          const grown = make(redis, "fallen", 4);
          await grown.rebalance();
          await grown.has("any");
          for (const index of records.keys()) {
            await (fallsTo === "one count" ? before : during)[index]!();
            const processes = { old, growing, new: grown };
            const order = [processes[first], ...Object.values(processes)];
            // Each in turn, and each sees what the one before did.
            for (const [turn, process] of order.entries()) {
              // Half of the times reading notices it, and half of them writing.
              if (index % 2 === 0) assert.deepEqual(await missing(process, BEFORE), []);
              const fresh = LATER.filter((_, at) => at % order.length === turn);
              for (const each of fresh) await process.add(each);
              for (const other of [...order, make(redis, "fallen", 4)]) {
                assert.deepEqual(
                  await missing(other, [...BEFORE, ...fresh]),
                  [],
                  `${fallsTo} ${first} ${turn}`,
                );
              }
              for (const each of fresh) await process.remove(each);
              for (const other of [...order, make(redis, "fallen", 4)])
                assert.deepEqual(await missing(other, fresh), fresh);
            }
          }
        }
      }
    });

    test(`${name}: what a process writes after a flush is seen by those who begin then, though it reads nothing`, async (t) => {
      const redis = ioredisAt(t, server.port);
      for (const isBegunBefore of [false, true]) {
        await redis.flushall();
        const writing = make(redis, "flushed", 2);
        await writing.add("a");
        await writing.add("b");
        await make(redis, "flushed", 4).rebalance();
        for (const each of ALL) await writing.add(each);
        await redis.flushall();
        if (isBegunBefore) await make(redis, "flushed", 2).add("begun");
        for (const each of ALL) await writing.add(each);
        assert.deepEqual(await missing(make(redis, "flushed", 2), ALL), []);
        assert.deepEqual(await missing(make(redis, "flushed", 8), ALL), []);
        assert.deepEqual(await missing(writing, ALL), []);
      }
    });

    test(`${name}: where records alone are gone, what is there is found, by who begins then too`, async (t) => {
      const redis = ioredisAt(t, server.port);
      for (const shards of [2, 4, 8]) {
        for (const gone of [1, 2, 4]) {
          await redis.flushall();
          const old = make(redis, "records", 2);
          for (const each of ALL) await old.add(each);
          const grown = make(redis, "records", 4);
          await grown.rebalance();
          assert.deepEqual(await missing(grown, ALL), []);
          const records = (await redis.keys(`records:${what}-shards:*`)).sort();
          assert.equal(records.length, 4);
          await redis.del(records.slice(0, gone));
          const begun = make(redis, "records", shards);
          await begun.add("more");
          for (const each of [begun, old, grown, make(redis, "records", 2)])
            assert.deepEqual(await missing(each, [...ALL, "more"]), [], `${shards} ${gone}`);
        }
      }
    });

    test(`${name}: a shard that is gone is lost, and works again`, async (t) => {
      const redis = ioredisAt(t, server.port);
      await redis.flushall();
      const names = make(redis, "gone", 4);
      for (const each of ALL) await names.add(each);
      const [shard] = (await redis.keys(`gone:${what}:*`)) as [string];
      await redis.del(shard);
      const lost = await missing(names, ALL);
      assert.ok(lost.length > 0 && lost.length < ALL.length);
      for (const each of lost) await names.add(each);
      for (const each of [names, make(redis, "gone", 4)]) {
        assert.deepEqual(await missing(each, ALL), []);
        const scripts = await scriptsRun(redis);
        assert.deepEqual(await missing(each, ALL), []);
        assert.equal(await scriptsRun(redis), scripts);
      }
      assert.deepEqual(await missing(make(redis, "gone", 16), ALL), []);
    });

    test(`${name}: what two processes write by a count that is over counts, though the first one dies of it`, async (t) => {
      const redis = ioredisAt(t, server.port);
      const moving = ALL.find((each) => shardOf(each, 1) !== shardOf(each, 2))!;
      for (let step = 0; step < 6; step++) {
        await redis.flushall();
        await make(redis, "over", 1).add("other");
        const interleaving = new Interleaving(redis);
        const dying = make(interleaving.client(0), "over", 1);
        const old = make(redis, "over", 1);
        void dying.has("other");
        await interleaving.run(() => 0, null);
        await old.has("other");
        await make(redis, "over", 2).rebalance();
        void dying.add(moving);
        await interleaving.run(() => 0, { client: 0, step });
        await old.add(moving);
        assert.deepEqual(await missing(make(redis, "over", 2), [moving, "other"]), [], `${step}`);
      }
    });

    test(`${name}: nor does what they write to a shard that has fallen back pass for done`, async (t) => {
      const redis = ioredisAt(t, server.port);
      const [one, other] = STAYING.filter((each) => shardOf(each, 4) === 1) as [string, string];
      await redis.flushall();
      await make(redis, "fell", 2).add(one);
      await make(redis, "fell", 4).has(one);
      const record = partNames("fell", `${what}-shards`, 2, {
        keyPrefix: Buffer.alloc(0),
        isCluster: false,
      })[1]!;
      const fallBack = await snapshot(redis, String(record));
      await make(redis, "fell", 4).rebalance();
      const interleaving = new Interleaving(redis);
      const dying = make(interleaving.client(0), "fell", 4);
      void dying.has(one);
      await interleaving.run(() => 0, null);
      const [late, noticing] = [make(redis, "fell", 4), make(redis, "fell", 4)];
      await Promise.all([late.has(one), noticing.has(one)]);
      await fallBack();
      void dying.add(other);
      await interleaving.run(() => 0, { client: 0, step: 1 });
      assert.equal(await noticing.has(one), true);
      await late.add(other);
      for (const each of [noticing, late, make(redis, "fell", 4)])
        assert.deepEqual(await missing(each, [one, other]), []);
    });
  }
});

test("failovers of all primaries while counts grow, also where a process dies in the middle of that, lose nothing", async (t) => {
  const servers = await startRedisCluster(t);
  const cluster = ioredisOver(t, servers);
  const growths = KINDS.map(async ({ name, make }) => {
    const old = make(cluster, name, 4);
    for (const each of ALL.slice(0, 100)) await old.add(each);
    const interleaving = new Interleaving(cluster);
    void make(interleaving.client(0), name, 64).has("any");
    // Of about 130 commands.
    await interleaving.run(() => 0, { client: 0, step: 70 });
    return { name, make, old };
  });
  const grown = await Promise.all(growths);
  const failOver = async ({ port }: ClusterNode) => {
    await command(port, ["CLUSTER", "FAILOVER"]);
    await waitFor("the failover", async () => {
      const [role] = (await command(port, ["ROLE"])) as unknown[];
      return String(role) === "master";
    });
  };
  await failOver(servers.replicas[0]!);
  let isOver = false;
  const writing = grown.map(async ({ name, make, old }) => {
    // One knows the counts from before, the other one carries the growth on.
    const all = [old, make(cluster, name, 4)];
    const written: string[] = [];
    for (let index = 0; index < 100 || !isOver; index++) {
      const each = `w${index}`;
      await all[index % 2]!.add(each);
      written.push(each);
    }
    return written;
  });
  for (const [index, replica] of servers.replicas.slice(1).entries()) {
    const more = grown.map(({ name, make }) => make(cluster, name, 128 << index).has("any"));
    await Promise.all([failOver(replica), ...more]);
  }
  isOver = true;
  const written = await Promise.all(writing);
  for (const [index, { name, make, old }] of grown.entries()) {
    const expected = [...ALL.slice(0, 100), ...written[index]!];
    const last = make(cluster, name, 64);
    for (const each of [old, last]) assert.deepEqual(await missing(each, expected), []);
    await last.rebalance();
    for (const each of [old, last]) assert.deepEqual(await missing(each, expected), []);
  }
});
