import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, type TestContext, test } from "node:test";
import { Cluster } from "ioredis";
import { ReplicaRouter, type ReplicaRouterOptions } from "../../src/client/remedies/replica-router.ts";
import { slotOf } from "../../src/model/slot.ts";
import { startProxy } from "../support/proxy.ts";
import { command, waitFor } from "../support/redis.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { ioredisOver } from "../support/remedy-clients.ts";

/** Two keys of each of the three primaries, in different slots. */
const KEYS = ["hot:a", "hot:b", "hot:c", "hot:d", "hot:e", "hot:f", "hot:g", "hot:h"];

function routerOver(t: TestContext, cluster: Cluster, options: ReplicaRouterOptions = {}): ReplicaRouter {
  const router = new ReplicaRouter(
    { cluster },
    { checkEveryMs: 100, timeoutMs: 10_000, hotPatterns: ["hot:*"], ...options },
  );
  t.after(() => router.close());
  return router;
}

interface Mget {
  mget(keys: readonly string[]): Promise<(string | null)[]>;
}

/** Reads the keys until all of them come from replicas. */
async function untilFromReplicas(router: ReplicaRouter, keys: readonly string[]): Promise<void> {
  await waitFor("reads from replicas alone", async () => {
    const { primary } = router.stats.reads;
    await router.mget(keys);
    return router.stats.reads.primary === primary;
  });
}

async function callsOf({ port }: ClusterNode, name: string): Promise<number> {
  const stats = String(await command(port, ["INFO", "commandstats"]));
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

async function roleOf({ port }: ClusterNode): Promise<string> {
  const info = String(await command(port, ["INFO", "replication"]));
  return /role:(\w+)/.exec(info)?.[1] ?? "";
}

describe("a cluster whose nodes stay where they are", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null, { replicas: 6 });
  });
  after(() => servers.stop());

  const fill = async (cluster: Cluster) => {
    for (const key of KEYS) await cluster.set(key, `value of ${key}`);
  };

  test("hot keys are read from the replicas of their slot's owner, in turn, and nothing else is", async (t) => {
    const cluster = ioredisOver(t, servers);
    await fill(cluster);
    const router = routerOver(t, cluster);
    const owners = new Set(KEYS.map((key) => servers.primaryOf(key)));
    assert.equal(owners.size, 3);
    await untilFromReplicas(router, KEYS);
    await waitFor(
      "all replicas",
      () => router.stats.nodes.filter(({ verdict }) => verdict === "serving").length === 6,
    );
    const counts = () => Promise.all(servers.nodes.map((node) => callsOf(node, "get")));
    const start = await counts();
    for (let i = 0; i < 60; i++)
      for (const key of KEYS) assert.equal(await router.get(key), `value of ${key}`);
    const gained = (await counts()).map((count, index) => count - start[index]!);
    for (const [index, node] of servers.nodes.entries()) {
      const owned = KEYS.filter((key) => {
        const primary = servers.primaryOf(key);
        return node === primary || servers.nodes.indexOf(primary) === (index - 3) % 3;
      });
      const expected = node.role === "primary" ? 0 : 30 * owned.length;
      assert.equal(gained[index], expected, `${node.role} ${node.address}`);
    }
    assert.equal(await router.get("cold"), null);
    assert.equal(router.stats.fallbacks.moved, 0);
  });

  test("mget over many slots keeps the order; what sends all to one replica gets CROSSSLOT", async (t) => {
    const cluster = ioredisOver(t, servers);
    await fill(cluster);
    await cluster.mset("{t}1", "x", "{t}2", "y");
    const router = routerOver(t, cluster);
    const keys = ["hot:a", "{t}1", "hot:b", "none", "hot:a", "{t}2", "hot:none", ...KEYS, "{t}1"];
    const expected = keys.map((key) => {
      if (KEYS.includes(key)) return `value of ${key}`;
      return { "{t}1": "x", "{t}2": "y" }[key] ?? null;
    });
    const naive: Mget = { mget: (all) => cluster.nodes("slave")[0]!.mget([...all]) };
    await assert.rejects(naive.mget(keys), /CROSSSLOT/);
    assert.deepEqual(await router.mget(keys), expected);
    await untilFromReplicas(router, KEYS);
    assert.deepEqual(await router.mget(keys), expected);
  });

  test("only shards of which hot keys are read are connected to", async (t) => {
    const cluster = ioredisOver(t, servers);
    const router = routerOver(t, cluster);
    await Promise.all(Array.from({ length: 100 }, (_, index) => router.set(`cold:${index}`, "1")));
    await router.mget(Array.from({ length: 100 }, (_, index) => `cold:${index}`));
    const addresses = () => router.stats.nodes.map(({ address }) => address);
    assert.deepEqual(addresses(), []);
    await router.get("hot:a");
    assert.equal(addresses().length, 3);
    assert.equal(addresses()[0], servers.primaryOf("hot:a").address);
  });

  test("a key that a replica lost to a slot's move is found; what reads replicas alone says that there is none", async (t) => {
    const key = "hot:{moving}";
    const cluster = ioredisOver(t, servers);
    await cluster.set(key, "still there");
    const router = routerOver(t, cluster);
    await untilFromReplicas(router, [key]);
    const owner = servers.primaryOf(key);
    const other = servers.primaries.find((node) => node !== owner)!;
    const move = await servers.beginMove(slotOf(Buffer.from(key)), other);
    const replicas = ioredisOver(t, servers, { scaleReads: "slave" });
    await waitFor("the replica to have lost it", async () => (await replicas.get(key)) === null);
    for (let i = 0; i < 10; i++) {
      assert.equal(await router.get(key), "still there");
      assert.deepEqual(await router.mget([key, "hot:none"]), ["still there", null]);
    }
    assert.ok(router.stats.fallbacks.absent > 0);
    // Of keys of one slot that moves, some that are there and some that are not, no server gives the values together.
    const together = [key, `${key}:none`, `cold:{moving}`];
    await assert.rejects(cluster.mget(together), /TRYAGAIN|redirections/);
    assert.deepEqual(await router.mget(together), ["still there", null, null]);
    await move.finish();
    for (let i = 0; i < 10; i++) assert.equal(await router.get(key), "still there");
    await untilFromReplicas(router, [key]);
    assert.equal(await router.get(key), "still there");
    // Back, for the tests after this one.
    await servers.beginMove(slotOf(Buffer.from(key)), owner).catch(() => null);
  });

  test("an own write is not missed when ioredis learns, while it is under way, that another slot has moved", async (t) => {
    const key = "hot:a";
    const owner = servers.primaryOf(key);
    const cluster = ioredisOver(t, servers);
    // No check comes that would release the write.
    const router = routerOver(t, cluster, { checkEveryMs: 600_000 });
    await cluster.set(key, "before");
    // Its only check must find that the replica has it.
    await waitFor("the replica to be in step", async () => {
      const info = String(await command(owner.port, ["INFO", "replication"]));
      return /,offset=(\d+)/.exec(info)?.[1] === /master_repl_offset:(\d+)/.exec(info)?.[1];
    });
    await waitFor("the replicas", async () => {
      await router.get(key);
      return router.stats.reads.replica > 0;
    });
    const mover = Array.from({ length: 1000 }, (_, index) => `mover:${index}`).find(
      (name) => servers.primaryOf(name) === owner,
    )!;
    const refreshed = once(cluster, "refresh");
    const move = await servers.beginMove(
      slotOf(Buffer.from(mover)),
      servers.primaries.find((node) => node !== owner)!,
    );
    await move.finish();
    // On one connection, one after the other: the answer to the first one is MOVED.
    const other = cluster.get(mover);
    await router.set(key, "after");
    await Promise.all([other, refreshed]);
    const { ownWrite } = router.stats.fallbacks;
    assert.equal(await router.get(key), "after");
    assert.equal(router.stats.fallbacks.ownWrite, ownWrite + 1);
  });

  test("keys that do not exist cost the primary a read a second, not each", async (t) => {
    const router = routerOver(t, ioredisOver(t, servers));
    await waitFor("the replicas", async () => {
      await router.get("hot:absent");
      return router.stats.reads.replica > 0;
    });
    const { absent } = router.stats.fallbacks;
    const startMs = performance.now();
    for (let i = 0; i < 100; i++) assert.equal(await router.get("hot:absent"), null);
    // Others that do not exist take no place of it.
    const cold = Array.from({ length: 2000 }, (_, index) => `cold:absent:${index}`);
    for (let i = 0; i < 20; i++) {
      await router.mget(cold);
      assert.equal(await router.get("hot:absent"), null);
    }
    const seconds = Math.ceil((performance.now() - startMs) / 1000);
    assert.ok(router.stats.fallbacks.absent - absent <= seconds + 1);
    await router.set("hot:absent", "there");
    assert.equal(await router.get("hot:absent"), "there");
    await router.delete("hot:absent");
  });

  test("natMap, prefix and credentials of the app's client are the router's", async (t) => {
    const natMap: Record<string, { host: string; port: number }> = {};
    for (const { address, port } of servers.nodes) {
      await command(port, ["ACL", "SETUSER", "app", "on", ">secret", "~app:*", "+@all"]);
      const [host, proxyPort] = (await startProxy(t, port)).address.split(":");
      natMap[address] = { host: host!, port: Number(proxyPort) };
    }
    const cluster = new Cluster(Object.values(natMap), {
      natMap,
      keyPrefix: "app:",
      redisOptions: { username: "app", password: "secret" },
    });
    cluster.on("error", () => {});
    t.after(() => cluster.disconnect());
    const router = routerOver(t, cluster);
    for (const key of KEYS) await router.set(key, `own ${key}`);
    await untilFromReplicas(router, KEYS);
    assert.deepEqual(
      await router.mget(KEYS),
      KEYS.map((key) => `own ${key}`),
    );
    const proxies = new Set(Object.values(natMap).map(({ host, port }) => `${host}:${port}`));
    const { nodes } = router.stats;
    assert.equal(nodes.length, 9);
    for (const { address } of nodes) assert.ok(proxies.has(address), address);
  });

  test("close ends its connections and no others", async (t) => {
    const cluster = ioredisOver(t, servers);
    const [replica] = servers.replicas;
    const readers = async () =>
      String(await command(replica!.port, ["CLIENT", "LIST", "TYPE", "normal"])).match(/ flags=r/g)?.length ??
      0;
    const router = routerOver(t, cluster);
    await cluster.ping();
    // The app's client has one there itself, and more for moments.
    await waitFor("no readers of other tests", async () => (await readers()) === 1);
    await untilFromReplicas(router, KEYS);
    await waitFor("the router's own", async () => (await readers()) === 2);
    router.close();
    await waitFor("its connections to end", async () => (await readers()) === 1);
    await assert.rejects(router.get("hot:a"), /closed/);
    assert.equal(await cluster.set("cold", "1"), "OK");
    await cluster.del("cold");
  });
});

describe("a cluster that changes", () => {
  test("an ordered failover, and a primary that is killed: writes, reads and their places follow", async (t) => {
    const servers = await startRedisCluster(t);
    const cluster = ioredisOver(t, servers);
    const router = routerOver(t, cluster);
    const key = "hot:a";
    const primary = servers.primaryOf(key);
    const replica = servers.replicas[servers.primaries.indexOf(primary)]!;
    await router.set(key, "0");
    await untilFromReplicas(router, [key]);

    await command(replica.port, ["CLUSTER", "FAILOVER"]);
    let written = 0;
    await waitFor("the replica to take over, while the app goes on", async () => {
      await router.set(key, String(++written));
      assert.equal(await router.get(key), String(written));
      return (await roleOf(replica)) === "master" && (await roleOf(primary)) === "slave";
    });
    await router.set(key, "after the failover");
    await untilFromReplicas(router, [key]);
    assert.equal(await router.get(key), "after the failover");
    const places = () => router.stats.nodes.map(({ address, role }) => `${role} ${address}`);
    await waitFor(
      "both in their new places",
      () =>
        assert.deepEqual(places(), [`primary ${replica.address}`, `replica ${primary.address}`]) ===
        undefined,
    );

    for (const { port } of servers.nodes)
      await command(port, ["CONFIG", "SET", "cluster-node-timeout", 1000]);
    await replica.server.stop();
    await waitFor("a read and a write after the other one took over", async () => {
      const late = AbortSignal.timeout(2000);
      await router.set(key, "after the death", { signal: late });
      assert.equal(await router.get(key, { signal: late }), "after the death");
      return (await roleOf(primary)) === "master";
    });
    assert.equal(await router.get(key), "after the death");
  });

  test("a replica that is killed costs no read", async (t) => {
    const servers = await startRedisCluster(t);
    const router = routerOver(t, ioredisOver(t, servers), { timeoutMs: 500 });
    for (const key of KEYS) await router.set(key, `value of ${key}`);
    await untilFromReplicas(router, KEYS);
    const expected = KEYS.map((key) => `value of ${key}`);
    const stopping = servers.replicas[0]!.server.stop();
    for (let i = 0; i < 100; i++) assert.deepEqual(await router.mget(KEYS), expected);
    await stopping;
    for (let i = 0; i < 10; i++) assert.deepEqual(await router.mget(KEYS), expected);
    assert.ok(router.stats.fallbacks.unavailable + router.stats.fallbacks.error > 0);
  });
});
