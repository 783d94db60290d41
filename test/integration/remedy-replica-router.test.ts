import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { ReplicaRouter, type ReplicaRouterOptions } from "../../src/client/remedies/replica-router.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { command, startRedis, startReplica, type TestServer, waitFor } from "../support/redis.ts";
import { ioredisAt } from "../support/remedy-clients.ts";
import { startSentinel } from "../support/sentinel.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00, 0x0d, 0x0a]);

interface Pair {
  readonly primary: TestServer;
  readonly replicas: readonly TestServer[];
  readonly clients: { readonly primary: Redis; readonly replicas: readonly Redis[] };
}

async function startPair(t: TestContext, replicaCount = 2, keyPrefix = ""): Promise<Pair> {
  const primary = await startRedis(t);
  const replicas: TestServer[] = [];
  for (let i = 0; i < replicaCount; i++) replicas.push(await startReplica(t, primary.port));
  return { primary, replicas, clients: clientsOf(t, primary, replicas, keyPrefix) };
}

function clientsOf(t: TestContext, primary: TestServer, replicas: readonly TestServer[], keyPrefix = "") {
  return {
    primary: ioredisAt(t, primary.port, { keyPrefix }),
    replicas: replicas.map(({ port }) => ioredisAt(t, port, { keyPrefix })),
  };
}

function routerOver(t: TestContext, clients: Pair["clients"], options: ReplicaRouterOptions = {}) {
  // On a busy machine a replica may take long for a read without being ill.
  const router = new ReplicaRouter(clients, { checkEveryMs: 100, timeoutMs: 10_000, ...options });
  t.after(() => router.close());
  return router;
}

function serving(router: ReplicaRouter): number {
  return router.stats.nodes.filter(({ verdict }) => verdict === "serving").length;
}

async function untilServing(router: ReplicaRouter, count: number): Promise<void> {
  await waitFor(`${count} replicas that serve`, () => serving(router) === count);
}

/** Calls of a command at a server, MGET and GET by keys alike. */
async function callsOf(port: number, name: string): Promise<number> {
  const stats = String(await command(port, ["INFO", "commandstats"]));
  return Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

describe("where reads go", () => {
  test("hot keys are read from replicas in turn, others from the primary", async (t) => {
    const { primary, replicas, clients } = await startPair(t);
    await clients.primary.mset("hot", "1", "hot:pattern", "2", "hot-set", "3", "cold", "4");
    const hotSet = { has: (key: string | Uint8Array) => key === "hot-set" };
    const router = routerOver(t, clients, { hotKeys: ["hot"], hotPatterns: ["hot:*"], hotSet });
    await untilServing(router, 2);
    const before = await callsOf(primary.port, "get");
    for (let i = 0; i < 100; i++) {
      assert.equal(await router.get("hot"), "1");
      assert.equal(await router.get(Buffer.from("hot:pattern")), "2");
      assert.equal(await router.get("hot-set"), "3");
    }
    assert.equal(await callsOf(primary.port, "get"), before);
    const [first, second] = await Promise.all(replicas.map(({ port }) => callsOf(port, "get")));
    assert.deepEqual([first, second], [150, 150]);
    for (let i = 0; i < 10; i++) assert.equal(await router.get("cold"), "4");
    assert.equal(await callsOf(primary.port, "get"), before + 10);
    assert.deepEqual(router.stats.reads, { replica: 300, primary: 10 });
  });

  test("hot keys come and go", async (t) => {
    const { clients } = await startPair(t, 1);
    await clients.primary.set("key", "value");
    const router = routerOver(t, clients);
    await untilServing(router, 1);
    await router.get("key");
    assert.equal(router.stats.reads.replica, 0);
    router.addHotKey(Buffer.from("key"));
    await router.get("key");
    assert.equal(router.stats.reads.replica, 1);
    assert.equal(router.removeHotKey("key"), true);
    assert.equal(router.removeHotKey("key"), false);
    await router.get("key");
    assert.deepEqual(router.stats.reads, { replica: 1, primary: 2 });
  });

  test("the replica with the least latency gets most reads, and the slow one its share again when it is fast", async (t) => {
    const { replicas, clients } = await startPair(t);
    const router = routerOver(t, clients, { hotKeys: ["hot"], strategy: "least-latency" });
    await untilServing(router, 2);
    // Its event loop stands still again and again: every answer takes long.
    let isSlow = true;
    const slowing = (async () => {
      while (isSlow) await command(replicas[0]!.port, ["EVAL", SPIN, 0, 30_000]);
    })();
    const nodes = () => router.stats.nodes;
    await waitFor("the latency to show", async () => {
      await router.get("hot");
      return nodes()[1]!.latencyMs! > 4 * nodes()[2]!.latencyMs!;
    });
    const before = nodes().map(({ reads }) => reads);
    for (let i = 0; i < 200; i++) await router.get("hot");
    const gained = nodes().map(({ reads }, index) => reads - before[index]!);
    // In turn each would get 100.
    assert.ok(gained[2]! >= 150, `reads: ${gained}`);
    isSlow = false;
    await slowing;
    await waitFor("both to be read from alike", async () => {
      const start = nodes().map(({ reads }) => reads);
      for (let i = 0; i < 20; i++) await router.get("hot");
      return nodes()[1]!.reads - start[1]! >= 5;
    });
  });
});

/** Keeps a server busy for so many microseconds. */
const SPIN = `local t = redis.call('TIME') local start = t[1] * 1000000 + t[2]
repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] - start > tonumber(ARGV[1]) return 1`;

describe("mget", () => {
  interface Mget {
    mget(keys: readonly string[]): Promise<(string | null)[]>;
  }

  const KEYS = ["hot:1", "cold:1", "hot:2", "hot:1", "none", "cold:1", "hot:none", "cold:2"];
  const VALUES = ["a", "c", "b", "a", null, "c", null, ""];

  test("gives values in the order of its keys, also of those that are there twice; what groups and joins does not", async (t) => {
    const { clients } = await startPair(t, 1);
    await clients.primary.mset("hot:1", "a", "hot:2", "b", "cold:1", "c", "cold:2", "");
    const router = routerOver(t, clients, { hotPatterns: ["hot:*"] });
    await untilServing(router, 1);
    const naive: Mget = {
      mget: async (keys) => {
        const hot = keys.filter((key) => key.startsWith("hot:"));
        const cold = keys.filter((key) => !key.startsWith("hot:"));
        return [...(await clients.replicas[0]!.mget(hot)), ...(await clients.primary.mget(cold))];
      },
    };
    await waitFor("the replica", async () => (await clients.replicas[0]!.get("cold:1")) === "c");
    assert.notDeepEqual(await naive.mget(KEYS), VALUES);
    assert.deepEqual(await router.mget(KEYS), VALUES);
    // Each key once: three hot ones, three others.
    assert.deepEqual(router.stats.reads, { replica: 3, primary: 3 });
    assert.deepEqual(await router.mget([]), []);
  });

  test("text and the same bytes are one key, and values are bytes", async (t) => {
    const { clients } = await startPair(t, 1);
    await clients.primary.set(NOT_UTF8, NOT_UTF8);
    await clients.primary.set("{a}b{", "brace");
    const router = routerOver(t, clients, { hotKeys: [NOT_UTF8] });
    await untilServing(router, 1);
    const keys = [NOT_UTF8, "{a}b{", Buffer.from("{a}b{"), new Uint8Array(NOT_UTF8)];
    const brace = Buffer.from("brace");
    assert.deepEqual(await router.mgetBuffer(keys), [NOT_UTF8, brace, brace, NOT_UTF8]);
    assert.deepEqual(await router.getBuffer(NOT_UTF8), NOT_UTF8);
    assert.deepEqual(router.stats.reads, { replica: 2, primary: 1 });
  });
});

interface Reads {
  get(key: string): Promise<string | null>;
}

/** In turn from all replicas, whatever they are like. */
function naiveRouter({ replicas }: Pair["clients"]): Reads {
  let turn = 0;
  return { get: (key) => replicas[turn++ % replicas.length]!.get(key) };
}

describe("lag", () => {
  /** Both replicas follow the primary, the first through a proxy that can be frozen: its link stays up, as it sees it. */
  async function startLagging(t: TestContext): Promise<Pair & { readonly proxy: TestProxy }> {
    const primary = await startRedis(t);
    const proxy = await startProxy(t, primary.port);
    const behindProxy = await startReplica(t, Number(proxy.address.split(":")[1]));
    const replicas = [behindProxy, await startReplica(t, primary.port)];
    return { primary, replicas, proxy, clients: clientsOf(t, primary, replicas) };
  }

  /** Whether of twenty reads one gives the old value. */
  async function isStaleServed(reads: Reads): Promise<boolean> {
    let isStale = false;
    for (let i = 0; i < 20; i++) isStale ||= (await reads.get("hot")) === "old";
    return isStale;
  }

  test("a replica that lacks more than maxLagBytes is left out; what goes by turns alone serves old values", async (t) => {
    const { primary, replicas, clients, proxy } = await startLagging(t);
    await clients.primary.set("hot", "old");
    // No limit in time that matters here.
    const router = routerOver(t, clients, { hotKeys: ["hot"], maxLagBytes: 10_000, maxLagMs: 3_600_000 });
    await untilServing(router, 2);
    proxy.freeze();
    await clients.primary.set("hot", "new");
    await clients.primary.set("filler", Buffer.alloc(20_000));
    await untilServing(router, 1);
    await waitFor("the other replica", async () => (await clients.replicas[1]!.get("hot")) === "new");
    assert.equal(await isStaleServed(naiveRouter(clients)), true);
    assert.equal(await isStaleServed(router), false);
    assert.ok(router.stats.reads.replica >= 20);
    const [, lagging] = router.stats.nodes;
    assert.equal(lagging!.verdict, "lagging");
    assert.ok(lagging!.lagBytes! >= 20_000);
    // It connects to the primary itself, and is well again.
    await command(replicas[0]!.port, ["REPLICAOF", "127.0.0.1", primary.port]);
    await untilServing(router, 2);
  });

  test("a replica that was cut off is left out although it lacks a few bytes", async (t) => {
    const { clients, proxy } = await startLagging(t);
    await clients.primary.set("hot", "old");
    const router = routerOver(t, clients, { hotKeys: ["hot"], maxLagMs: 500 });
    await untilServing(router, 2);
    proxy.freeze();
    await clients.primary.set("hot", "new");
    await untilServing(router, 1);
    await waitFor("the other replica", async () => (await clients.replicas[1]!.get("hot")) === "new");
    assert.equal(await isStaleServed(naiveRouter(clients)), true);
    assert.equal(await isStaleServed(router), false);
    assert.ok(router.stats.nodes[1]!.lagBytes! < 1000);
  });

  test("own writes are read back at once, whichever replica lags; what goes by turns alone does not find them", async (t) => {
    const { clients, proxy } = await startLagging(t);
    // Nothing is too far behind.
    const options = { hotPatterns: ["hot*"], maxLagBytes: 2 ** 40, maxLagMs: 3_600_000 };
    const router = routerOver(t, clients, options);
    await router.set("hot", "old");
    await untilServing(router, 2);
    proxy.freeze();
    await router.set("hot", "new");
    assert.equal(await isStaleServed(naiveRouter(clients)), true);
    assert.equal(await isStaleServed(router), false);
    assert.equal(router.stats.fallbacks.ownWrite, 20);
    assert.equal(await router.delete("hot"), true);
    assert.equal(await router.get("hot"), null);
    assert.equal(await router.delete("hot"), false);
  });

  test("an own write goes back to replicas when they have it", async (t) => {
    const { clients } = await startPair(t);
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await untilServing(router, 2);
    for (let i = 0; i < 5; i++) {
      await router.set("hot", String(i), { ttlMs: 100_000 });
      const before = router.stats.reads.replica;
      await waitFor("a read from a replica", async () => {
        assert.equal(await router.get("hot"), String(i));
        return router.stats.reads.replica > before;
      });
      assert.ok((await clients.replicas[0]!.pttl("hot")) > 0);
    }
  });
});

describe("failures", () => {
  test("a replica that hangs or dies costs no read; what goes by turns alone waits for it", async (t) => {
    const { replicas, clients } = await startPair(t);
    await clients.primary.set("hot", "value");
    const router = routerOver(t, clients, { hotKeys: ["hot"], timeoutMs: 1000 });
    await untilServing(router, 2);
    const readAll = () => Promise.all(Array.from({ length: 50 }, () => router.get("hot")));
    const isRightEverywhere = (values: (string | null)[]) => values.every((value) => value === "value");
    replicas[0]!.process.kill("SIGSTOP");
    const naive = naiveRouter(clients);
    const naiveReads = Promise.all([naive.get("hot"), naive.get("hot")]);
    assert.ok(isRightEverywhere(await readAll()));
    assert.equal(await Promise.race([naiveReads, "still waiting"]), "still waiting");
    assert.ok(router.stats.fallbacks.timeout > 0);
    await untilServing(router, 1);
    const before = router.stats.fallbacks.timeout;
    assert.ok(isRightEverywhere(await readAll()));
    assert.equal(router.stats.fallbacks.timeout, before);
    replicas[0]!.process.kill("SIGCONT");
    await naiveReads;
    await untilServing(router, 2);

    const reading = readAll();
    await replicas[0]!.stop();
    assert.ok(isRightEverywhere(await reading));
    await replicas[1]!.stop();
    assert.ok(isRightEverywhere(await readAll()));
    await untilServing(router, 0);
    assert.ok(isRightEverywhere(await readAll()));
    assert.ok(router.stats.fallbacks.unavailable > 0);

    // One comes back where it was.
    await startReplica(t, (clients.primary as Redis).options.port!, { port: replicas[0]!.port });
    await untilServing(router, 1);
  });

  test("a server that takes a replica's place between two checks is not read from", async (t) => {
    const { replicas, clients } = await startPair(t, 1);
    await clients.primary.set("hot", "value");
    // Its only check must find that the replica has it.
    await clients.primary.wait(1, 0);
    const router = routerOver(t, clients, { hotKeys: ["hot"], checkEveryMs: 600_000 });
    await untilServing(router, 1);
    const { port } = replicas[0]!;
    await replicas[0]!.stop();
    await startRedis(t, { port });
    await command(port, ["SET", "hot", "of a stranger"]);
    await waitFor("the router to connect again", async () => {
      // Its connections have no name; the app's client has one of its own.
      const list = String(await command(port, ["CLIENT", "LIST", "TYPE", "normal"]));
      return list.trim().split("\n").length === 3;
    });
    for (let i = 0; i < 10; i++) assert.equal(await router.get("hot"), "value");
    assert.equal(router.stats.reads.replica, 0);
  });

  test("while the primary hangs, hot keys go on being read from replicas, and only for maxLagMs", async (t) => {
    const { primary, clients } = await startPair(t, 1);
    await clients.primary.set("hot", "value");
    const limits = { maxLagMs: 5000, timeoutMs: 1000 };
    const router = routerOver(t, clients, { hotKeys: ["hot"], ...limits });
    await untilServing(router, 1);
    primary.process.kill("SIGSTOP");
    t.after(() => primary.process.kill("SIGCONT"));
    await waitFor("a check that the primary does not answer", () => router.stats.nodes[1]!.lagBytes === null);
    const reads = router.stats.reads.replica;
    assert.equal(await router.get("hot"), "value");
    assert.equal(router.stats.reads.replica, reads + 1);
    await waitFor("the end of that", () => serving(router) === 0, 30_000);
    primary.process.kill("SIGCONT");
    await untilServing(router, 1);
  });

  test("a replica that is read from nobody knows is no replica of this primary is left out", async (t) => {
    const { replicas, clients } = await startPair(t);
    const stranger = await startRedis(t);
    await clients.primary.set("hot", "value");
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await untilServing(router, 2);
    await command(replicas[0]!.port, ["REPLICAOF", "127.0.0.1", stranger.port]);
    await untilServing(router, 1);
    for (let i = 0; i < 20; i++) assert.equal(await router.get("hot"), "value");
    await command(replicas[1]!.port, ["REPLICAOF", "NO", "ONE"]);
    await command(replicas[1]!.port, ["SET", "hot", "another"]);
    await untilServing(router, 0);
    for (let i = 0; i < 20; i++) assert.equal(await router.get("hot"), "value");
  });

  test("what the primary says against a command reaches the caller, and so does a lost connection", async (t) => {
    const primary = await startRedis(t);
    const replica = await startReplica(t, primary.port);
    const clients = {
      primary: ioredisAt(t, primary.port, { maxRetriesPerRequest: 0 }),
      replicas: [ioredisAt(t, replica.port)],
    };
    const router = routerOver(t, clients, { hotKeys: ["hot", "list"], maxLagMs: 500 });
    await clients.primary.rpush("list", "1");
    await untilServing(router, 1);
    await waitFor("the replica", () => clients.replicas[0]!.exists("list"));
    await assert.rejects(router.get("list"), /WRONGTYPE/);
    // The replica is none the worse for it.
    assert.equal(serving(router), 1);
    await primary.stop();
    await assert.rejects(router.get("cold"));
    await assert.rejects(router.set("hot", "1"));
    await untilServing(router, 0);
    await assert.rejects(router.get("hot"));
    await assert.rejects(router.mget(["hot", "cold"]));
  });
});

describe("failover", () => {
  interface Store extends Reads {
    set(key: string, value: string): Promise<unknown>;
  }

  /** The replica is promoted and the primary demoted, as an operator or a Sentinel does it. */
  async function failOver({ primary, replicas }: Pair): Promise<void> {
    await command(replicas[0]!.port, ["REPLICAOF", "NO", "ONE"]);
    for (const server of [primary, ...replicas.slice(1)])
      await command(server.port, ["REPLICAOF", "127.0.0.1", replicas[0]!.port]);
  }

  test("writes go to the promoted replica and hot reads to those that follow it; what stays where it was fails", async (t) => {
    const pair = await startPair(t);
    const { clients } = pair;
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    const naive: Store = {
      get: (key) => clients.replicas[0]!.get(key),
      set: (key, value) => clients.primary.set(key, value),
    };
    await router.set("hot", "before");
    await untilServing(router, 2);
    await failOver(pair);
    await assert.rejects(naive.set("hot", "lost"), /READONLY/);
    // At once: the first write finds out.
    await router.set("hot", "after");
    assert.equal(await router.get("hot"), "after");
    assert.equal(await command(pair.replicas[0]!.port, ["GET", "hot"]).then(String), "after");
    assert.deepEqual(
      router.stats.nodes.map(({ role }) => role),
      ["replica", "primary", "replica"],
    );
    await untilServing(router, 2);
    await waitFor("reads from the new replicas", async () => {
      assert.equal(await router.get("hot"), "after");
      return router.stats.nodes[0]!.reads > 0 && router.stats.nodes[2]!.reads > 0;
    });
    // And back.
    await command(pair.primary.port, ["REPLICAOF", "NO", "ONE"]);
    for (const { port } of pair.replicas) await command(port, ["REPLICAOF", "127.0.0.1", pair.primary.port]);
    await waitFor("the old primary", () => router.stats.nodes[0]!.role === "primary");
    await router.set("hot", "back");
    assert.equal(await router.get("hot"), "back");
  });

  test("a primary that dies gives way to the replica that is promoted", async (t) => {
    const pair = await startPair(t);
    const clients = {
      ...pair.clients,
      primary: ioredisAt(t, pair.primary.port, { maxRetriesPerRequest: 0 }),
    };
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await router.set("hot", "before");
    await untilServing(router, 2);
    await pair.primary.stop();
    await command(pair.replicas[1]!.port, ["REPLICAOF", "NO", "ONE"]);
    await command(pair.replicas[0]!.port, ["REPLICAOF", "127.0.0.1", pair.replicas[1]!.port]);
    await waitFor("a write to the new primary", async () => {
      await router.set("hot", "after");
      return true;
    });
    assert.equal(router.stats.nodes[2]!.role, "primary");
    await untilServing(router, 1);
    assert.equal(await router.get("hot"), "after");
  });

  test("own writes stay found over a restart of the primary, which counts its offsets anew", async (t) => {
    const { primary, clients } = await startPair(t, 1);
    await clients.primary.set("filler", Buffer.alloc(100_000));
    const router = routerOver(t, clients, { hotKeys: ["hot"], maxLagMs: 500 });
    await router.set("hot", "before");
    await untilServing(router, 1);
    await primary.stop();
    await untilServing(router, 0);
    await startRedis(t, { port: primary.port });
    await untilServing(router, 1);
    await router.set("hot", "after");
    assert.equal(await router.get("hot"), "after");
    await waitFor("a read from the replica", async () => {
      assert.equal(await router.get("hot"), "after");
      return router.stats.reads.replica > 0;
    });
  });
});

describe("with Sentinel", () => {
  test("clients that go by Sentinel are followed through a failover: writes, and reads from the replica that is left", async (t) => {
    const { primary, replicas } = await startPair(t);
    const sentinel = await startSentinel(t, { shop: primary.port });
    await waitFor("the Sentinel to know the replicas", async () => {
      const reply = String(await command(sentinel.port, ["SENTINEL", "REPLICAS", "shop"]));
      return reply.match(/,master-link-status,ok,/g)?.length === 2 && !/disconnected/.test(reply);
    });
    const byName = (options: { role?: "slave"; maxRetriesPerRequest?: number }) => {
      const redis = new Redis({
        sentinels: [{ host: "127.0.0.1", port: sentinel.port }],
        name: "shop",
        ...options,
      });
      redis.on("error", () => {});
      t.after(() => redis.disconnect());
      return redis;
    };
    // Which replica each of them gets, and each of the router's own connections, is chosen by chance.
    const clients = {
      primary: byName({ maxRetriesPerRequest: 1 }),
      replicas: [byName({ role: "slave" }), byName({ role: "slave" }), byName({ role: "slave" })],
    };
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await router.set("hot", "before");
    await untilServing(router, 3);
    await primary.stop();
    await waitFor(
      "a write to the new primary",
      async () => {
        await router.set("hot", "after");
        return true;
      },
      30_000,
    );
    await untilServing(router, 3);
    const roles = await Promise.all(
      replicas.map(async ({ port }) => String(await command(port, ["INFO", "replication"]))),
    );
    const left = replicas[roles.findIndex((info) => info.includes("role:slave"))]!;
    const before = await callsOf(left.port, "get");
    await waitFor("reads from the replica that is left", async () => {
      assert.equal(await router.get("hot"), "after");
      return (await callsOf(left.port, "get")) > before;
    });
    await router.set("hot", "later");
    assert.equal(await router.get("hot"), "later");
  });
});

describe("being a good guest", () => {
  test("a prefix of the client's is put before each key, once, everywhere", async (t) => {
    const { primary, clients } = await startPair(t, 1, "app:");
    // Keyheat knows keys as the server has them.
    const hotSet = new Set<string | Uint8Array>(["app:leased"]);
    const router = routerOver(t, clients, { hotKeys: ["hot"], hotPatterns: ["by-pattern"], hotSet });
    const values = { hot: "1", "by-pattern": "2", leased: "3", cold: "4" };
    for (const [key, value] of Object.entries(values)) await router.set(key, value);
    await untilServing(router, 1);
    for (const key of ["hot", "by-pattern", "leased"]) {
      const { replica } = router.stats.reads;
      await waitFor(`reads of ${key} from the replica`, async () => {
        assert.deepEqual(await router.mget([key, "cold"]), [values[key as keyof typeof values], "4"]);
        return router.stats.reads.replica > replica;
      });
    }
    const keys = (await command(primary.port, ["KEYS", "*"])) as Buffer[];
    assert.deepEqual(keys.map(String).sort(), ["app:by-pattern", "app:cold", "app:hot", "app:leased"]);
  });

  test("close leaves the app's clients open, ends its own connections, and refuses what comes after", async (t) => {
    const { primary, replicas, clients } = await startPair(t, 1);
    await Promise.all([clients.primary.ping(), clients.replicas[0]!.ping()]);
    const connections = async () =>
      Promise.all(
        [primary, ...replicas].map(async ({ port }) => {
          const list = String(await command(port, ["CLIENT", "LIST", "TYPE", "normal"]));
          // Without the one that asks.
          return list.trim().split("\n").length - 1;
        }),
      );
    assert.deepEqual(await connections(), [1, 1]);
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await router.set("hot", "1");
    await untilServing(router, 1);
    assert.deepEqual(await connections(), [2, 2]);
    const underWay = Promise.all([router.get("hot"), router.mget(["hot", "cold"])]);
    router.close();
    assert.deepEqual(await underWay, ["1", ["1", null]]);
    await waitFor("its connections to end", async () => (await connections()).join() === "1,1");
    await assert.rejects(router.get("hot"), /closed/);
    await assert.rejects(router.set("hot", "2"), /closed/);
    assert.equal(await clients.replicas[0]!.ping(), "PONG");
  });

  test("a process that closes it, and its own clients, ends by itself", async (t) => {
    const { primary, replicas } = await startPair(t, 1);
    const source = fileURLToPath(new URL("../../src/client/remedies/replica-router.ts", import.meta.url));
    const program = `
      import { Redis } from "ioredis";
      import { ReplicaRouter } from ${JSON.stringify(source)};
      const primary = new Redis(${primary.port});
      const replica = new Redis(${replicas[0]!.port});
      const router = new ReplicaRouter({ primary, replicas: [replica] }, { hotKeys: ["hot"] });
      await router.set("hot", "1");
      console.log(await router.get("hot"));
      router.close();
      primary.disconnect();
      replica.disconnect();`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill());
    const text = (await child.stdout.toArray()).join("");
    const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode];
    assert.deepEqual([text, code], ["1\n", 0]);
  });

  test("a signal ends the wait", async (t) => {
    const { primary, clients } = await startPair(t, 1);
    const router = routerOver(t, clients, { hotKeys: ["hot"] });
    await assert.rejects(router.get("hot", { signal: AbortSignal.abort(new Error("before")) }), /before/);
    primary.process.kill("SIGSTOP");
    t.after(() => primary.process.kill("SIGCONT"));
    const ending = new AbortController();
    const waiting = [
      router.get("cold", { signal: ending.signal }),
      router.mget(["cold"], { signal: ending.signal }),
      router.set("cold", "1", { signal: ending.signal }),
    ];
    ending.abort(new Error("enough"));
    for (const call of waiting) await assert.rejects(call, /enough/);
  });
});
