import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Cluster, type Redis } from "ioredis";
import { ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";
import { countInProcess } from "../support/counting-process.ts";
import { command, freePort, startRedis, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisAt, ioredisOver, nodeRedisOver } from "../support/remedy-clients.ts";

/** Callers that count one by one, until they are told to end. */
class Callers {
  acknowledged = 0;
  failed = 0;
  readonly #running: Promise<unknown>;
  #isEnding = false;

  constructor(counters: readonly ShardedCounter[], callersEach: number) {
    const all = counters.flatMap((counter) =>
      Array.from({ length: callersEach }, () => this.#count(counter)),
    );
    this.#running = Promise.all(all);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }

  async #count(counter: ShardedCounter): Promise<void> {
    while (!this.#isEnding) {
      try {
        await counter.increment();
        this.acknowledged++;
      } catch {
        this.failed++;
        // Otherwise failures alone would run, without a turn for anything else.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

test("8 connections and 3 processes count while the shards grow from 4 to 64, and none is lost", async (t) => {
  const server = await startRedis(t);
  const reader = new ShardedCounter(ioredisAt(t, server.port), "k", { shards: 4 });
  const counting = (shards: number) =>
    countInProcess({ port: server.port, key: "k", shards, increments: 4000 });
  const callersOf = (shards: number, connections: number) =>
    new Callers(
      Array.from(
        { length: connections },
        () => new ShardedCounter(ioredisAt(t, server.port), "k", { shards }),
      ),
      4,
    );
  const processes = [4, 16, 64].map(counting);
  const stages = [callersOf(4, 4)];
  const acknowledged = () => stages.reduce((sum, stage) => sum + stage.acknowledged, 0);
  // A total has what was acknowledged before it, at every moment of the growth.
  const checkedTotal = async () => {
    const least = acknowledged();
    assert.ok(Number(await reader.total()) >= least);
  };
  for (const shards of [16, 64]) {
    const wanted = acknowledged() + 1000;
    while (acknowledged() < wanted) await checkedTotal();
    stages.push(callersOf(shards, 2));
  }
  const wanted = acknowledged() + 1000;
  while (acknowledged() < wanted) await checkedTotal();
  await Promise.all([...stages.map((stage) => stage.end()), ...processes]);
  assert.equal(await reader.total(), acknowledged() + 3 * 4000);
});

test("a restart in the middle: what failed was told, and what was acknowledged is there", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-counter-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  const port = await freePort();
  const server = await startRedis(t, { args, port });
  const clients = Array.from({ length: 4 }, () =>
    ioredisAt(t, port, { maxRetriesPerRequest: 0, retryStrategy: () => 20 }),
  );
  const callers = new Callers(
    clients.map((client) => new ShardedCounter(client, "k", { shards: 16 })),
    8,
  );
  await waitFor("a thousand increments", () => callers.acknowledged > 1000);
  await server.stop();
  await waitFor("failures", () => callers.failed > 0);
  await startRedis(t, { args, port });
  const before = callers.acknowledged;
  await waitFor("increments after the restart", () => callers.acknowledged > before + 1000);
  await callers.end();
  const total = Number(await new ShardedCounter(ioredisAt(t, port), "k", { shards: 1 }).total());
  const { acknowledged, failed } = callers;
  assert.ok(acknowledged <= total && total <= acknowledged + failed, `${acknowledged} + ${failed}: ${total}`);
});

/** What an increment comes to whose reply gets lost: the connections of `redis` break after it has run. */
async function lostReply(redis: Redis | Cluster, other: Redis | Cluster, key: string) {
  const counter = new ShardedCounter(redis, key, { shards: 4 });
  const reader = new ShardedCounter(other, key, { shards: 4 });
  // The record is there then, and there is a connection to each shard.
  await counter.increment(4);
  await counter.total();
  const streams = ("nodes" in redis ? redis.nodes("master") : [redis]).map((node) => node.stream);
  for (const stream of streams) stream.pause();
  const settled = Promise.allSettled([counter.increment()]);
  await waitFor("the increment to have run", async () => (await reader.total()) === 5);
  for (const stream of streams) stream.destroy();
  const [{ status }] = await settled;
  return { status, total: await reader.total() };
}

test("where a reply is lost, ioredis counts twice, but not with the option that the docs name", async (t) => {
  const server = await startRedis(t);
  const [redis, other] = [ioredisAt(t, server.port), ioredisAt(t, server.port)];
  assert.deepEqual(await lostReply(redis, other, "twice"), { status: "fulfilled", total: 6 });
  const own = redis.duplicate({ maxRetriesPerRequest: 0 });
  t.after(() => own.disconnect());
  assert.deepEqual(await lostReply(own, other, "once"), { status: "rejected", total: 5 });
});

describe("a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
  });
  after(() => servers.stop());

  const callsOf = async ({ port }: ClusterNode, name: string) => {
    const stats = String(await command(port, ["INFO", "commandstats"]));
    return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  };
  /** How many of 12,000 increments each primary ran. */
  const sharesOf = async (increment: () => Promise<unknown>) => {
    for (const { port } of servers.nodes) await command(port, ["CONFIG", "RESETSTAT"]);
    for (let round = 0; round < 120; round++) await Promise.all(Array.from({ length: 100 }, increment));
    return await Promise.all(servers.primaries.map((node) => callsOf(node, "incrby")));
  };
  const isEven = (shares: readonly number[]) => {
    const even = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    return shares.every((share) => Math.abs(share - even) <= 0.2 * even);
  };

  test("increments spread over all primaries within 20% of even; those of one key do not", async (t) => {
    const cluster = ioredisOver(t, servers);
    for (const key of ["views", "{user:1}:views", "a"]) {
      const counter = new ShardedCounter(cluster, key);
      const shares = await sharesOf(() => counter.increment());
      assert.equal(
        shares.reduce((sum, share) => sum + share),
        12_000,
      );
      assert.ok(isEven(shares), `${key}: ${shares}`);
      assert.equal(await counter.total(), 12_000);
    }
    const ofOne = await sharesOf(() => cluster.incrby("views", 1));
    assert.deepEqual(ofOne.toSorted(), [0, 0, 12_000]);
    assert.equal(isEven(ofOne), false);
  });

  test("all of it works over slots of all nodes, by either driver", async (t) => {
    for (const redis of [ioredisOver(t, servers), await nodeRedisOver(t, servers)]) {
      const counter = new ShardedCounter(redis, "{both}", { shards: 40 });
      await Promise.all(Array.from({ length: 100 }, (_, i) => counter.increment(i % 2 ? 2n ** 58n : 0.5)));
      assert.equal(await new ShardedCounter(redis, "{both}", { shards: 1 }).total(), 50n * 2n ** 58n + 25n);
      await counter.expire(100_000);
      assert.equal(await counter.reset(), 50n * 2n ** 58n + 25n);
      await counter.increment();
      assert.equal(await counter.reset(), 1);
    }
  });

  test("a failover in the middle: what failed was told, and what was acknowledged is there", async (t) => {
    const clients = Array.from({ length: 3 }, () => {
      const cluster = new Cluster(
        servers.nodes.map(({ host, port }) => ({ host, port })),
        // What may have run already is not sent again.
        { retryDelayOnFailover: 0 },
      );
      cluster.on("error", () => {});
      t.after(() => cluster.disconnect());
      return cluster;
    });
    const callers = new Callers(
      clients.map((client) => new ShardedCounter(client, "failover", { shards: 16 })),
      8,
    );
    await waitFor("a thousand increments", () => callers.acknowledged > 1000);
    for (const replica of servers.replicas) {
      await command(replica.port, ["CLUSTER", "FAILOVER"]);
      await waitFor("the replica to be the primary", async () =>
        String(await command(replica.port, ["ROLE"])).includes("master"),
      );
      const before = callers.acknowledged;
      await waitFor("increments after the failover", () => callers.acknowledged > before + 1000);
    }
    await callers.end();
    const total = Number(
      await new ShardedCounter(ioredisOver(t, servers), "failover", { shards: 1 }).total(),
    );
    const { acknowledged, failed } = callers;
    assert.ok(
      acknowledged <= total && total <= acknowledged + failed,
      `${acknowledged} + ${failed}: ${total}`,
    );
  });

  test("where a reply is lost, ioredis counts twice, but not with the option that the docs name", async (t) => {
    const [redis, other] = [ioredisOver(t, servers), ioredisOver(t, servers)];
    assert.deepEqual(await lostReply(redis, other, "twice"), { status: "fulfilled", total: 6 });
    const own = redis.duplicate([], { retryDelayOnFailover: 0 });
    own.on("error", () => {});
    t.after(() => own.disconnect());
    assert.deepEqual(await lostReply(own, other, "once"), { status: "rejected", total: 5 });
  });
});
