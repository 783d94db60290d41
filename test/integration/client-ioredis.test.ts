import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import { type ChainableCommander, Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { attachIoredis } from "../../src/client/drivers/ioredis.ts";
import { slotOf } from "../../src/model/slot.ts";
import { encodeCommand } from "../../src/redis/resp.ts";
import { COMMAND_FAMILIES, type CommandFamily, FUNCTION_LIBRARY } from "../support/command-families.ts";
import { startMonitor } from "../support/monitor.ts";
import { countsOf, countsOfMonitored, RecordingObserver } from "../support/recorded-accesses.ts";
import { command, freePort, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";

type Client = Redis | Cluster;
type Commands = CommandFamily["commands"];
type Way = (client: Client, commands: Commands) => Promise<unknown>;

/** Without those that the server refuses at once: they would make EXEC drop the whole transaction. */
function runnable(commands: Commands): Commands {
  return commands.filter((words) => !words.includes("{f}more") && !words.join(" ").includes("NOSUCH"));
}

function call(client: Client | ChainableCommander, words: Commands[number]): Promise<unknown> {
  const [name, ...args] = words;
  return client.call(name, ...(args as string[])) as Promise<unknown>;
}

async function atOnce(client: Client, commands: Commands): Promise<void> {
  await Promise.allSettled(commands.map((words) => call(client, words)));
}

const WAYS: Readonly<Record<string, Way>> = {
  "one by one": async (client, commands) => {
    for (const words of commands) await call(client, words).catch(() => {});
  },
  "at once": atOnce,
  "as Buffers": (client, commands) =>
    Promise.allSettled(commands.map(([name, ...args]) => client.callBuffer(name, ...(args as string[])))),
  "with callbacks": (client, commands) =>
    Promise.all(
      commands.map(
        ([name, ...args]) =>
          new Promise<void>((resolve) => client.call(name, ...(args as string[]), () => resolve())),
      ),
    ),
  "in a pipeline": async (client, commands) => {
    const pipeline = client.pipeline();
    for (const words of commands) call(pipeline, words);
    assert.equal((await pipeline.exec())?.length, commands.length);
  },
  "in MULTI": async (client, commands) => {
    const multi = client.multi();
    for (const words of runnable(commands)) call(multi, words);
    assert.equal((await multi.exec())?.length, runnable(commands).length);
  },
};

function attach(t: TestContext, client: Client): RecordingObserver {
  const observer = new RecordingObserver();
  const detach = attachIoredis(client, observer);
  assert.ok(detach);
  t.after(() => {
    detach();
    client.disconnect();
  });
  return observer;
}

/** Runs `work` and compares, key by key, what was recorded with what the servers say they ran. */
async function assertCountsAreTheServers(
  observer: RecordingObserver,
  ports: readonly number[],
  work: () => Promise<unknown>,
): Promise<void> {
  const before = observer.accesses.length;
  const monitor = await startMonitor(ports);
  await work();
  const monitored = await monitor.stop();
  const expected = await countsOfMonitored(ports[0] ?? 0, monitored);
  assert.deepEqual(countsOf(observer.accesses.slice(before)), expected);
}

/** Breaks the connection when the commands of `send` are written and not answered: ioredis sends them again. */
async function breakWhile(server: ChildProcess, redis: Redis, send: () => Promise<unknown>): Promise<void> {
  server.kill("SIGSTOP");
  const answered = send();
  await waitFor("the commands to be written", () => redis.stream.writableLength === 0);
  redis.stream.destroy();
  server.kill("SIGCONT");
  await answered;
}

/** Answers like a Sentinel that knows one primary. Returns: its port. */
async function startSentinelOf(t: TestContext, primaryPort: number): Promise<number> {
  const primary = encodeCommand(["127.0.0.1", primaryPort]);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      for (const command of bytes.toString().split(/^\*/m).slice(1)) {
        if (command.includes("get-master-addr-by-name")) socket.write(primary);
        else if (command.includes("sentinels")) socket.write("*0\r\n");
        else socket.write(command.toLowerCase().includes("hello") ? "-NOPROTO not here\r\n" : "+OK\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

describe("ioredis with one server", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
    await command(server.port, ["FUNCTION", "LOAD", FUNCTION_LIBRARY]);
  });
  after(() => server.stop());

  const connect = (t: TestContext, options: RedisOptions = {}) => {
    const redis = new Redis({ ...options, port: server.port } as RedisOptions & { replyMapping: "legacy" });
    return { redis, observer: attach(t, redis) };
  };

  for (const [way, run] of Object.entries(WAYS)) {
    it(`counts every family of commands as MONITOR does, ${way}`, async (t) => {
      const { redis, observer } = connect(t);
      for (const { name, commands } of COMMAND_FAMILIES) {
        await command(server.port, ["FLUSHALL"]);
        await t.test(name, () =>
          assertCountsAreTheServers(observer, [server.port], () => run(redis, commands)),
        );
        assert.equal(
          observer.accesses.some(({ key }) => key.startsWith("{f}")),
          true,
        );
      }
    });
  }

  const VARIANTS: Readonly<Record<string, RedisOptions>> = {
    autopipelining: { enableAutoPipelining: true },
    "RESP2, a key prefix and another database": { protocol: 2, keyPrefix: "app:{f}", db: 3 },
    "RESP3 as it is": { protocol: 3, replyMapping: "resp3" },
    "a lazy connection": { lazyConnect: true },
  };
  for (const [variant, options] of Object.entries(VARIANTS)) {
    it(`counts every family of commands as MONITOR does, with ${variant}`, async (t) => {
      const { redis, observer } = connect(t, options);
      await command(server.port, ["FLUSHALL"]);
      await assertCountsAreTheServers(observer, [server.port], async () => {
        for (const { commands } of COMMAND_FAMILIES) await atOnce(redis, commands);
      });
      assert.ok(observer.accesses.length > 100);
    });
  }

  it("tells hits, misses and kinds", async (t) => {
    const { redis, observer } = connect(t);
    await command(server.port, ["FLUSHALL"]);
    await redis.set("a", "1");
    await redis.get("a");
    await redis.getBuffer("b");
    await redis.mget("a", "b", "a");
    await redis.hget("h", "field");
    await redis.lpop("l");
    await redis.sinterstore("dest", "s1", "s2");
    await redis.eval("return false", 1, "a");
    await redis.xread("STREAMS", "x", "0");
    await redis.hset("a", "field", "v").catch(() => {});
    await redis.hset({} as string, "field").catch(() => {});
    assert.deepEqual(observer.of("a"), [
      "write set",
      "read get",
      "read mget",
      "read mget",
      "write eval",
      "write hset",
    ]);
    assert.deepEqual(observer.of("b"), ["read miss get", "read miss mget"]);
    assert.deepEqual(observer.of("h"), ["read miss hget"]);
    assert.deepEqual(observer.of("l"), ["write lpop"]);
    assert.deepEqual(observer.of("dest"), ["write sinterstore"]);
    assert.deepEqual(observer.of("s1"), ["read sinterstore"]);
    assert.deepEqual(observer.of("x"), ["read xread"]);
    const [set, get] = observer.accesses;
    assert.deepEqual([set?.bytes, get?.bytes], [1 + 1 + 2, 1 + 1]);
    assert.equal(set?.target, `127.0.0.1:${server.port}`);
  });

  it("counts a transaction by its EXEC, and nothing of one that was dropped", async (t) => {
    const { redis, observer } = connect(t);
    const other = new Redis(server.port);
    t.after(() => other.disconnect());
    await command(server.port, ["FLUSHALL"]);
    await redis.multi({ pipeline: false });
    await redis.set("t", "1");
    await redis.get("absent");
    await redis.lpush("t", "wrong type");
    assert.deepEqual(observer.accesses, []);
    await redis.exec();
    assert.deepEqual(observer.of("t"), ["write set", "write lpush"]);
    assert.deepEqual(observer.of("absent"), ["read miss get"]);

    const counted = observer.accesses.length;
    await redis.multi({ pipeline: false });
    await redis.set("discarded", "1");
    await redis.discard();
    await assert.rejects(redis.multi().set("aborted", "1").call("GET").exec(), /EXECABORT/);
    await redis.watch("watched");
    await other.set("watched", "1");
    assert.equal(await redis.multi().set("overtaken", "1").exec(), null);
    assert.equal(observer.accesses.length, counted);
    await redis.get("t");
    assert.deepEqual(observer.of("t"), ["write set", "write lpush", "read get"]);
  });

  it("samples the commands of a transaction each for itself", async (t) => {
    const redis = new Redis(server.port);
    // MULTI and EXEC are asked about as well: 0 and 6.
    const observer = new RecordingObserver((nth) => nth === 2 || nth === 5);
    assert.ok(await new Promise((resolve) => redis.once("ready", () => resolve(true))));
    const detach = attachIoredis(redis, observer);
    t.after(() => redis.disconnect());
    await command(server.port, ["FLUSHALL"]);
    await redis.multi().set("k0", "v").get("k1").set("k2", "v").set("k3", "v").get("k4").exec();
    assert.equal(observer.taken, 7);
    assert.deepEqual(
      observer.accesses.map(({ key, isMiss }) => [key, isMiss]),
      [
        ["k1", true],
        ["k4", true],
      ],
    );
    detach?.();
  });

  it("counts a script once, also where the server had forgotten it", async (t) => {
    const { redis, observer } = connect(t, { keyPrefix: "app:" });
    redis.defineCommand("heat", { numberOfKeys: 1, lua: "return redis.call('GET', KEYS[1])" });
    const heat = (key: string) => (redis as unknown as { heat(key: string): Promise<unknown> }).heat(key);
    await heat("a");
    await heat("a");
    await command(server.port, ["SCRIPT", "FLUSH"]);
    await heat("a");
    assert.deepEqual(observer.of("app:a"), ["write eval", "write evalsha", "write eval"]);
    await redis.pipeline().call("EVALSHA", "0".repeat(40), "1", "app:b").exec();
    assert.deepEqual(observer.of("app:b"), []);
  });

  it("follows the selected database", async (t) => {
    const { redis, observer } = connect(t);
    await redis.get("k");
    await redis.pipeline().select(2).get("k").select(5).exec();
    await redis.get("k");
    await redis.select(0);
    await redis.get("k");
    assert.deepEqual(
      observer.accesses.map(({ db }) => db),
      [0, 2, 5, 0],
    );
  });

  it("attaches duplicates too, and restores everything", async (t) => {
    const redis = new Redis(server.port);
    const observer = new RecordingObserver();
    const detach = attachIoredis(redis, observer);
    assert.ok(detach);
    const duplicate = redis.duplicate();
    const ofDuplicate = duplicate.duplicate();
    const clients = [redis, duplicate, ofDuplicate];
    t.after(() => {
      for (const client of clients) client.disconnect();
    });
    for (const client of clients) await client.get("k");
    assert.equal(observer.of("k").length, 3);
    const monitor = await redis.monitor();
    monitor.disconnect();
    const pending = duplicate.blpop("none", 0.05);
    detach();
    detach();
    await pending;
    for (const client of clients) {
      await client.get("k");
      assert.equal(Object.hasOwn(client, "sendCommand"), false);
      assert.equal(Object.hasOwn(client, "duplicate"), false);
    }
    assert.equal(observer.accesses.length, 3);
    assert.equal(attachIoredis(redis.duplicate({ lazyConnect: true }), observer) === null, false);
  });

  it("refuses what is no client of ioredis, and a client that is attached already", async (t) => {
    const redis = new Redis(server.port);
    t.after(() => redis.disconnect());
    const first = new RecordingObserver();
    const second = new RecordingObserver();
    const detach = attachIoredis(redis, first);
    assert.equal(attachIoredis(redis, second), null);
    await redis.get("k");
    assert.deepEqual([first.of("k").length, second.of("k").length], [1, 0]);
    detach?.();
    assert.ok(attachIoredis(redis, second));
    await redis.get("k");
    assert.deepEqual([first.of("k").length, second.of("k").length], [1, 1]);
    for (const other of [
      null,
      undefined,
      1,
      "redis",
      {},
      { sendCommand() {}, duplicate() {} },
      redis.pipeline(),
    ])
      assert.equal(attachIoredis(other, first), null);
  });

  it("counts what waited for the connection once, and what was refused not at all", async (t) => {
    const port = await freePort();
    const redis = new Redis(port, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on("error", () => {});
    const observer = attach(t, redis);
    const early = [redis.get("early"), redis.pipeline().get("early").get("early").exec()];
    const late = await startRedis(t, { port });
    await Promise.all(early);
    assert.deepEqual(observer.of("early"), ["read miss get", "read miss get", "read miss get"]);

    const { taken } = observer;
    await breakWhile(late.process, redis, () => redis.set("unanswered", "v"));
    assert.deepEqual(observer.of("unanswered"), ["write set"]);
    assert.equal(observer.taken, taken + 1);

    redis.disconnect();
    await assert.rejects(redis.get("refused"), /closed/);
    assert.deepEqual(observer.of("refused"), []);
  });

  it("asks once a command, also where the answer was not to sample it and it is sent again", async (t) => {
    const own = await startRedis(t);
    const redis = new Redis(own.port, { retryStrategy: () => 20 });
    t.after(() => redis.disconnect());
    const observer = new RecordingObserver(() => false);
    assert.ok(attachIoredis(redis, observer));
    await redis.ping();
    const { taken } = observer;
    await breakWhile(own.process, redis, () => redis.set("k", "v"));
    assert.equal(observer.taken, taken + 1);
    assert.deepEqual(observer.accesses, []);
  });

  it("counts an answer that comes after the client's own timeout", async (t) => {
    const { redis, observer } = connect(t, { commandTimeout: 100 });
    // What connects is under the same timeout, and a busy machine may take longer.
    await waitFor("the connection", () => redis.ping());
    await assert.rejects(redis.blpop("slow", 1), /timed out/);
    assert.deepEqual(observer.of("slow"), []);
    await waitFor("the answer", () => observer.of("slow").length > 0);
    assert.deepEqual(observer.of("slow"), ["write blpop"]);
  });

  it("lets no exception of an observer reach the app", async (t) => {
    const redis = new Redis(server.port);
    t.after(() => redis.disconnect());
    const fail = () => {
      throw new Error("of the observer");
    };
    assert.ok(attachIoredis(redis, { take: () => ({ probability: 1, add: fail }) }));
    assert.equal(await redis.set("k", "v"), "OK");
    assert.deepEqual(await redis.multi().get("k").exec(), [[null, "v"]]);
    const other = redis.duplicate();
    t.after(() => other.disconnect());
    assert.ok(attachIoredis(new Redis(server.port, { lazyConnect: true }), { take: fail }));
    const third = new Redis(server.port);
    t.after(() => third.disconnect());
    assert.ok(attachIoredis(third, { take: fail }));
    assert.equal(await third.get("k"), "v");
  });

  it("counts at the server that a Sentinel names", async (t) => {
    const sentinel = await startSentinelOf(t, server.port);
    const redis = new Redis({ sentinels: [{ host: "127.0.0.1", port: sentinel }], name: "heat" });
    const observer = attach(t, redis);
    await redis.get("k");
    assert.deepEqual(observer.of("k").length, 1);
    assert.equal(observer.accesses[0]?.target, `127.0.0.1:${server.port}`);
  });

  it("names a unix socket by its path", async (t) => {
    const path = `/tmp/keyheat-${process.pid}.sock`;
    await startRedis(t, { args: ["--unixsocket", path] });
    const redis = new Redis(path);
    const observer = attach(t, redis);
    await redis.get("k");
    assert.equal(observer.accesses[0]?.target, `unix://${path}`);
  });
});

describe("ioredis with a cluster", () => {
  let servers: TestCluster;
  before(async () => {
    servers = await startRedisCluster(null);
    for (const { port } of servers.primaries) await command(port, ["FUNCTION", "LOAD", FUNCTION_LIBRARY]);
  });
  after(() => servers.stop());

  const ports = () => servers.nodes.map(({ port }) => port);
  const connect = (t: TestContext, options: ClusterOptions = {}) => {
    const cluster = new Cluster(
      servers.primaries.map(({ host, port }) => ({ host, port })),
      options as object,
    );
    return { cluster, observer: attach(t, cluster) };
  };
  const flush = () => Promise.all(servers.primaries.map(({ port }) => command(port, ["FLUSHALL"])));

  for (const [way, run] of Object.entries(WAYS)) {
    it(`counts every family of commands as MONITOR does, ${way}`, async (t) => {
      const { cluster, observer } = connect(t);
      for (const { name, commands } of COMMAND_FAMILIES) {
        await flush();
        await t.test(name, () => assertCountsAreTheServers(observer, ports(), () => run(cluster, commands)));
      }
      const owner = servers.primaryOf("{f}");
      assert.ok(observer.accesses.every(({ target }) => target === owner.address));
    });
  }

  const VARIANTS: Readonly<Record<string, ClusterOptions>> = {
    autopipelining: { enableAutoPipelining: true },
    "reads at replicas": { scaleReads: "slave" },
    "reads anywhere and autopipelining": { scaleReads: "all", enableAutoPipelining: true },
    "a lazy connection and a key prefix": { lazyConnect: true, keyPrefix: "app:" },
  };
  for (const [variant, options] of Object.entries(VARIANTS)) {
    it(`counts keys of all slots at the node that served them, with ${variant}`, async (t) => {
      const { cluster, observer } = connect(t, options);
      await flush();
      await assertCountsAreTheServers(observer, ports(), async () => {
        const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
        await Promise.all(keys.map((key) => cluster.set(key, "v")));
        await Promise.all(keys.map((key) => cluster.get(key)));
        await Promise.all(keys.map((key) => cluster.hget(key, "wrong type").catch(() => {})));
      });
      assert.equal(observer.accesses.length, 180);
      const readAt = new Set(
        observer.accesses.filter(({ kind }) => kind === "read").map(({ target }) => target),
      );
      const expected = {
        master: servers.primaries,
        slave: servers.replicas,
        // A pipeline for each primary and its replica, which goes to one of the two.
        all: servers.nodes.filter(({ address }) => readAt.has(address)),
      }[String(options.scaleReads ?? "master")];
      assert.deepEqual(readAt, new Set(expected?.map(({ address }) => address)));
    });
  }

  it("counts a command once when its slot moves: ASK, then MOVED", async (t) => {
    const { cluster, observer } = connect(t);
    await flush();
    const from = servers.primaryOf("moving");
    const to = servers.primaries.find((node) => node !== from);
    assert.ok(to);
    await cluster.set("moving", "v");
    await cluster.set("{moving}other", "v");
    const reads = async () => {
      await cluster.get("moving");
      await cluster.pipeline().get("moving").get("{moving}other").exec();
      await cluster.multi().get("moving").set("{moving}other", "w").exec();
    };
    await assertCountsAreTheServers(observer, ports(), reads);
    const move = await servers.beginMove(slotOf(Buffer.from("moving")), to);
    await assertCountsAreTheServers(observer, ports(), async () => {
      await cluster.get("moving");
      await cluster.pipeline().get("moving").get("{moving}other").exec();
    });
    await move.finish();
    const counted = observer.accesses.length;
    await assertCountsAreTheServers(observer, ports(), reads);
    assert.deepEqual(
      new Set(observer.accesses.slice(counted).map(({ target }) => target)),
      new Set([to.address]),
    );
    assert.equal(observer.accesses.length - counted, 5);
  });

  it("counts a command once that is sent again when its node's connection breaks", async (t) => {
    const { cluster, observer } = connect(t);
    const owner = servers.primaryOf("broken");
    await cluster.get("broken");
    const node = cluster.nodes("master").find(({ options }) => options.port === owner.port);
    assert.ok(node);
    await breakWhile(owner.server.process, node, () =>
      Promise.all([cluster.set("broken", "v"), cluster.get("{broken}other")]),
    );
    assert.notEqual(
      cluster.nodes("master").find(({ options }) => options.port === owner.port),
      node,
    );
    assert.deepEqual(observer.of("broken"), ["read miss get", "write set"]);
    assert.deepEqual(observer.of("{broken}other"), ["read miss get"]);
  });

  it("attaches duplicates and nodes that come later, and restores everything", async (t) => {
    const cluster = new Cluster(servers.primaries.map(({ host, port }) => ({ host, port })));
    const observer = new RecordingObserver();
    const detach = attachIoredis(cluster, observer);
    assert.ok(detach);
    assert.equal(attachIoredis(cluster, observer), null);
    const duplicate = cluster.duplicate();
    t.after(() => {
      cluster.disconnect();
      duplicate.disconnect();
    });
    await cluster.get("k");
    await duplicate.get("k");
    assert.equal(observer.of("k").length, 2);
    const nodes = [...cluster.nodes(), ...duplicate.nodes()];
    assert.equal(nodes.length, 12);
    assert.ok(nodes.every((node) => Object.hasOwn(node, "sendCommand")));
    detach();
    for (const client of [cluster, duplicate, ...nodes]) {
      assert.equal(Object.hasOwn(client, "sendCommand"), false);
      assert.equal(Object.hasOwn(client, "duplicate"), false);
    }
    await cluster.get("k");
    assert.equal(observer.of("k").length, 2);
    assert.equal(cluster.listenerCount("+node"), 0);
  });
});
