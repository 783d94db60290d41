import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  createClient,
  createClientPool,
  createCluster,
  createSentinel,
  defineScript,
  RESP_TYPES,
} from "redis";
import { attachNodeRedis } from "../../src/client/drivers/node-redis.ts";
import type { CommandObserver, Place, Tally } from "../../src/client/observer.ts";
import { slotOf } from "../../src/model/slot.ts";
import { type MonitoredCommand, startMonitor } from "../support/monitor.ts";
import { type Client, callEveryFamily } from "../support/node-redis-calls.ts";
import {
  command,
  freePort,
  redisServer,
  startRedis,
  startReplica,
  TestConnection,
  waitFor,
} from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

type Access = Parameters<Tally["add"]>[2];

/** Keeps all that it is told; every command is sampled. */
class Recorder implements CommandObserver, Tally {
  readonly probability = 1;
  readonly seen: (Access & { place: Place; key: string })[] = [];
  taken = 0;

  take(): Tally {
    this.taken++;
    return this;
  }

  add(place: Place, key: string | Uint8Array, access: Access): void {
    this.seen.push({ ...access, place, key: Buffer.from(key).toString("latin1") });
  }

  /** Accesses by server, database, kind and key. */
  counts(): Map<string, number> {
    return tallied(this.seen.map(({ place, kind, key }) => line(place, kind, key)));
  }

  /** In order: `get a miss`. */
  lines(): string[] {
    return this.seen.map(({ command, key, isMiss }) => `${command} ${key}${isMiss ? " miss" : ""}`);
  }
}

function line({ target, db }: Place, kind: string, key: string): string {
  return `${target} db${db} ${kind} ${key}`;
}

function tallied(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const each of [...lines].sort()) counts.set(each, (counts.get(each) ?? 0) + 1);
  return counts;
}

/** The accesses of commands as the server itself tells their keys. WATCH names keys, but does not access them. */
async function accessesOf(port: number, commands: readonly MonitoredCommand[]): Promise<Map<string, number>> {
  using connection = await TestConnection.open(port);
  const lines: string[] = [];
  for (const { target, db, name, args } of commands.filter(
    ({ name, args }) => name !== "watch" && args.length > 0,
  )) {
    for (const [key, flags] of await keysOf(connection, [name, ...args])) {
      const isRead = flags.includes("RO") || READS_WITH_A_CACHE.has(name);
      lines.push(line({ target, db }, isRead ? "read" : "write", key));
    }
  }
  return tallied(lines);
}

/** PFCOUNT may renew what it has cached in the key; to whoever calls it, it is a read. */
const READS_WITH_A_CACHE = new Set(["pfcount"]);

async function keysOf(
  connection: TestConnection,
  words: readonly (string | Buffer)[],
): Promise<[key: string, flags: string[]][]> {
  try {
    const keys = await connection.command(["COMMAND", "GETKEYSANDFLAGS", ...words]);
    if (!Array.isArray(keys)) return [];
    return keys.map((entry) => {
      const [key, flags] = entry as [Buffer, unknown[]];
      return [key.toString("latin1"), flags.map(String)];
    });
  } catch (error) {
    assert.match(String(error), /no key arguments|Invalid command/, words.join(" "));
    return [];
  }
}

async function single(t: TestContext) {
  const server = await startRedis(t);
  const address = `127.0.0.1:${server.port}`;
  const recorder = new Recorder();
  const socket = { host: "127.0.0.1", port: server.port };
  const connect = async (options: Parameters<typeof createClient>[0] = {}) => {
    const client = createClient({ socket, ...options });
    client.on("error", () => {});
    await client.connect();
    t.after(() => client.destroy());
    return client;
  };
  return { server, address, recorder, socket, connect };
}

function ignore(): void {}

test("every family is counted key by key as MONITOR shows it", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect();
  const detach = attachNodeRedis(client, recorder);
  assert(detach !== null);
  const monitor = await startMonitor([server.port]);
  await callEveryFamily(client);
  const ran = await monitor.stop();
  assert(ran.length > 180, `${ran.length} commands`);
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, ran));
});

test("replies of RESP2, of Buffers and of other type mappings are counted alike", async (t) => {
  const { server, connect } = await single(t);
  const bytes = { [RESP_TYPES.BLOB_STRING]: Buffer };
  const clients = [
    await connect({ RESP: 2 }),
    (await connect()).withTypeMapping(bytes) as unknown as Client,
    (await connect()).withCommandOptions({ typeMapping: { [RESP_TYPES.MAP]: Map } }) as unknown as Client,
  ];
  for (const client of clients) {
    await command(server.port, ["FLUSHALL"]);
    await command(server.port, ["FUNCTION", "FLUSH"]);
    const recorder = new Recorder();
    const detach = attachNodeRedis(client, recorder);
    const monitor = await startMonitor([server.port]);
    await callEveryFamily(client);
    assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
    detach?.();
  }
});

test("a read that finds nothing is a miss, of MGET each key by itself", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  await client.set("a", "1");
  await client.get("a");
  await client.get("b");
  await client.mGet(["a", "b", "a"]);
  await client.hGet("b", "f");
  assert.deepEqual(recorder.lines(), [
    "set a",
    "get a",
    "get b miss",
    "mget a",
    "mget b miss",
    "mget a",
    "hget b miss",
  ]);
});

test("bytes are those of the words and of the reply", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  await client.set("key", Buffer.alloc(1000, "x"));
  await client.get("key");
  assert.deepEqual(
    recorder.seen.map(({ bytes }) => bytes),
    [3 + 1000 + "OK".length, 3 + 1000],
  );
});

test("keys are told as the bytes that were sent, prefix included", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect({ keyPrefix: "app:" });
  attachNodeRedis(client, recorder);
  const monitor = await startMonitor([server.port]);
  await client.get(Buffer.from([0, 0xff, 0x0a, 0x22]));
  await client.get("gr\u00fc\u00df");
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.deepEqual(recorder.seen[0]?.key, "app:\x00\xff\n\x22");
});

test("a transaction counts by what EXEC answered", async (t) => {
  const { server, address, recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  const monitor = await startMonitor([server.port]);
  await client.multi().set("a", "1").get("a").get("none").incr("n").lPush("a", "x").exec().catch(ignore);
  await client.multi().exec();
  await client.multi().select(2).set("two", "1").select(0).set("zero", "1").exec();
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.deepEqual(recorder.lines(), [
    "set a",
    "get a",
    "get none miss",
    "incr n",
    "lpush a",
    "set two",
    "set zero",
  ]);
  assert.equal(recorder.counts().get(`${address} db2 write two`), 1);
});

test("what a transaction did not run is not counted", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  await client.watch("a");
  await command(server.port, ["SET", "a", "changed"]);
  await assert.rejects(client.multi().get("a").set("a", "2").exec(), /watched keys/);
  await assert.rejects(client.multi().get("a").addCommand(["SET", "a"]).exec(), /wrong number/);
  await client.sendCommand(["MULTI"]);
  await client.sendCommand(["GET", "a"]);
  await client.sendCommand(["DISCARD"]);
  assert.deepEqual(recorder.lines(), []);
  await client.get("a");
  assert.deepEqual(recorder.lines(), ["get a"]);
});

test("a transaction of single commands, and pipelines, are counted once", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  const monitor = await startMonitor([server.port]);
  await client.sendCommand(["multi"]);
  await client.sendCommand(["GET", "a"]);
  await client.sendCommand(["SET", "a", "1"]);
  await client.sendCommand(["exec"]);
  await client.multi().get("a").set("b", "2").execAsPipeline();
  await Promise.all([
    client.get("a"),
    client.multi().get("b").exec(),
    client.get("c"),
    client.multi().get("d").exec(),
  ]);
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.equal(recorder.seen.length, 8);
});

test("a script that the server does not have yet is counted when it runs", async (t) => {
  const { server, socket } = await single(t);
  const first = defineScript({
    SCRIPT: "return redis.call('INCR', KEYS[1])",
    NUMBER_OF_KEYS: 1,
    parseCommand: (parser, key: string) => parser.pushKey(key),
    transformReply: (reply: number) => reply,
  });
  const client = await createClient({ socket, scripts: { first } }).on("error", ignore).connect();
  t.after(() => client.destroy());
  const recorder = new Recorder();
  attachNodeRedis(client, recorder);
  await client.first("a");
  await client.first("a");
  assert.deepEqual(recorder.lines(), ["eval a", "evalsha a"]);
  assert.equal(String(await command(server.port, ["GET", "a"])), "2");
});

test("the callback API is counted", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  const legacy = client.legacy();
  await new Promise((resolve) => legacy.get("a", resolve));
  await new Promise((resolve) => legacy.multi().set("a", "1").get("a").exec(resolve));
  assert.deepEqual(recorder.lines(), ["get a miss", "set a", "get a"]);
});

test("commands that were not sent are not counted", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect({ commandsQueueMaxLength: 10 });
  attachNodeRedis(client, recorder);
  const sent = await Promise.allSettled(Array.from({ length: 12 }, () => client.get("a")));
  assert.equal(sent.filter(({ status }) => status === "rejected").length, 2);
  const controller = new AbortController();
  const aborted = client.withAbortSignal(controller.signal).get("aborted");
  controller.abort();
  await assert.rejects(aborted, /aborted/);
  await assert.rejects(client.sendCommand(["GET", 1 as unknown as string]), TypeError);
  await client.close();
  await assert.rejects(client.get("closed"), /closed/);
  assert.deepEqual(recorder.lines(), Array(10).fill("get a miss"));
});

test("what the server refuses to run is not counted, what fails in running is", async (t) => {
  const { server, recorder, connect } = await single(t);
  await command(server.port, ["ACL", "SETUSER", "narrow", "on", "nopass", "+@all", "-getdel", "~*"]);
  const client = await connect({ username: "narrow", password: "any" });
  attachNodeRedis(client, recorder);
  await client.set("a", "1");
  for (const words of [
    ["GETDEL", "a"],
    ["GET"],
    ["NOSUCH", "a"],
    ["LPUSH", "a", "x"],
    ["EVALSHA", "0", "1", "a"],
  ])
    await assert.rejects(client.sendCommand(words));
  assert.deepEqual(recorder.lines(), ["set a", "lpush a"]);
});

test("a command lost with its connection is not counted, and those after it are", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect({ database: 3 });
  attachNodeRedis(client, recorder);
  const lost = assert.rejects(client.blPop("lost", 0), /closed/);
  await command(server.port, ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  await lost;
  await client.get("after");
  assert.deepEqual(
    recorder.seen.map(({ key, place }) => [key, place.db]),
    [["after", 3]],
  );
});

test("a transaction ends with its connection, and so does a database that only the server knows of", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect();
  attachNodeRedis(client, recorder);
  await client.sendCommand(["SELECT", "5"]);
  await client.sendCommand(["MULTI"]);
  await client.sendCommand(["GET", "queued"]);
  await command(server.port, ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  await waitFor("the second connection", () => client.socketEpoch === 2);
  const monitor = await startMonitor([server.port]);
  await client.get("after");
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.equal(recorder.seen.length, 1);
});

test("the database is the one selected when the command runs", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect({ database: 1 });
  await client.select(4);
  attachNodeRedis(client, recorder);
  const monitor = await startMonitor([server.port]);
  await client.get("four");
  await client.select(5);
  await client.get("five");
  const pending = [
    client.get("five"),
    client.select(6),
    client.get("six"),
    client.sendCommand(["SELECT", "7"]),
  ];
  await Promise.all(pending);
  await client.get("seven");
  await client.select(999).catch(ignore);
  await client.get("seven");
  await client.sendCommand(["RESET"]);
  await client.get("zero");
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.equal(recorder.seen.at(-1)?.place.db, 0);
});

test("the target is the far end of the connection, from before and from after it is attached", async (t) => {
  const { server, address, recorder } = await single(t);
  const options = { socket: { host: "localhost", port: server.port } };
  const before = createClient(options);
  attachNodeRedis(before, recorder);
  await before.connect();
  const after = await createClient(options).connect();
  attachNodeRedis(after, recorder);
  await before.get("a");
  await after.get("b");
  assert.deepEqual(
    recorder.seen.map(({ place }) => place.target),
    [address, address],
  );
  before.destroy();
  after.destroy();
});

test("a client that was not to hold the process does not, on its next connection either", async (t) => {
  const { server, recorder, connect } = await single(t);
  const held = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  await waitFor("sockets of other tests to end", () => held() === 0);
  const client = await connect();
  assert.equal(held(), 1);
  client.unref();
  attachNodeRedis(client, recorder);
  assert.equal(held(), 0);
  await command(server.port, ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
  await waitFor("the second connection", () => client.socketEpoch === 2);
  await waitFor("the command's own socket to end", () => held() === 0);
});

test("over a unix socket the target is its path", async (t) => {
  const path = `/tmp/keyheat-test-${process.pid}.sock`;
  await startRedis(t, { args: ["--unixsocket", path] });
  const recorder = new Recorder();
  const client = await createClient({ socket: { path, tls: false } }).connect();
  attachNodeRedis(client, recorder);
  await client.get("a");
  client.destroy();
  assert.equal(recorder.seen[0]?.place.target, `unix://${path}`);
});

test("duplicates and pools made of a client are counted with it, and let go with it", async (t) => {
  const { server, recorder, connect } = await single(t);
  const client = await connect();
  const detach = attachNodeRedis(client, recorder);
  const copy = await client.withTypeMapping({}).duplicate().connect();
  const copyOfCopy = await copy.duplicate().connect();
  const pool = await client.createPool().connect();
  const monitor = await startMonitor([server.port]);
  await copy.get("a");
  await copyOfCopy.get("b");
  await pool?.get("c");
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.equal(recorder.seen.length, 3);
  detach?.();
  await copy.get("a");
  await copyOfCopy.get("b");
  await pool?.get("c");
  assert.equal(recorder.seen.length, 3);
  copy.destroy();
  copyOfCopy.destroy();
  pool?.destroy();
});

test("a pool counts on whichever connection, also on those that come later", async (t) => {
  const { server, recorder, socket } = await single(t);
  const pool = createClientPool({ socket, database: 2 }, { minimum: 1, maximum: 5 });
  pool.on("error", ignore);
  await pool.connect();
  t.after(() => pool.destroy());
  const detach = attachNodeRedis(pool, recorder);
  const monitor = await startMonitor([server.port]);
  await Promise.all(Array.from({ length: 50 }, (_, i) => pool.set(`k${i % 7}`, "v")));
  await pool.withTypeMapping({}).get("k1");
  await pool.sendCommand(["GET", "k2"]);
  await pool.multi().get("k3").set("k4", "1").exec();
  await pool.multi().get("k3").execAsPipeline();
  await pool.execute(async (client) => {
    await client.watch("k5");
    await client.multi().get("k5").exec();
  });
  assert(pool.totalClients > 1);
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, await monitor.stop()));
  assert.equal(recorder.seen.length, 56);
  detach?.();
  await pool.get("k1");
  assert.equal(recorder.seen.length, 56);
});

test("what a client-side cache answers is not counted", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect({ clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: "LRU" } });
  attachNodeRedis(client, recorder);
  for (let i = 0; i < 5; i++) await client.get("a");
  assert.equal(recorder.seen.length, 1);
});

test("detaching leaves nothing behind, and a second one is refused until then", async (t) => {
  const { recorder, connect } = await single(t);
  const client = await connect();
  const queue = client._getQueue();
  const owned = () => [queue, client, Object.getPrototypeOf(client)].map(Reflect.ownKeys);
  const before = owned();
  const detach = attachNodeRedis(client, recorder);
  assert.notDeepEqual(owned(), before);
  assert.equal(attachNodeRedis(client, recorder), null);
  assert.equal(attachNodeRedis(client.withTypeMapping({}), recorder), null);
  await client.get("a");
  const pending = client.get("a");
  detach?.();
  detach?.();
  await pending;
  assert.deepEqual(owned(), before);
  assert.equal(recorder.seen.length, 1);
  const again = attachNodeRedis(client, recorder);
  await client.get("a");
  assert.equal(recorder.seen.length, 2);
  again?.();
});

test("by a sentinel, on leases too, commands are counted at the server behind it", async (t) => {
  const { server, recorder } = await single(t);
  const replica = await startReplica(t, server.port);
  const sentinelPort = await startSentinel(t, server.port);
  const sentinel = createSentinel({
    name: "shop",
    sentinelRootNodes: [{ host: "127.0.0.1", port: sentinelPort }],
    replicaPoolSize: 1,
    masterPoolSize: 2,
  });
  sentinel.on("error", ignore);
  await sentinel.connect();
  t.after(() => sentinel.destroy());
  const detach = attachNodeRedis(sentinel, recorder);
  const monitor = await startMonitor([server.port, replica.port]);
  await sentinel.set("a", "1");
  await sentinel.get("a");
  await sentinel.multi().set("b", "1").get("b").exec();
  await sentinel.use(async (lease) => {
    await lease.watch("c");
    await lease.multi().set("c", "1").exec();
  });
  const lease = await sentinel.acquire();
  await lease.withTypeMapping({}).incr("d");
  await lease.release();
  const ran = (await monitor.stop()).filter(({ name }) => name !== "publish");
  assert.deepEqual(recorder.counts(), await accessesOf(server.port, ran));
  assert.equal(recorder.seen.length, 6);
  assert.equal(recorder.seen[1]?.place.target, `127.0.0.1:${replica.port}`);
  detach?.();
  await sentinel.set("a", "1");
  assert.equal(recorder.seen.length, 6);
});

/** Watches the server under the name `shop`. Returns: its port. */
async function startSentinel(t: TestContext, primaryPort: number): Promise<number> {
  const { path, env } = await redisServer();
  const folder = await mkdtemp(join(tmpdir(), "keyheat-sentinel-"));
  const port = await freePort();
  const file = join(folder, "sentinel.conf");
  await writeFile(file, `bind 127.0.0.1\nport ${port}\nsentinel monitor shop 127.0.0.1 ${primaryPort} 1\n`);
  const child = spawn(path, [file, "--sentinel"], { env: { ...process.env, ...env }, stdio: "ignore" });
  t.after(async () => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });
  await waitFor("the sentinel to reach the primary and the replica", async () => {
    const nodes = await Promise.all([
      command(port, ["SENTINEL", "MASTERS"]),
      command(port, ["SENTINEL", "REPLICAS", "shop"]),
    ]).catch(() => []);
    // While it does not, clients leave a node out: `slave,disconnected`.
    return /,flags,master,.*,flags,slave,(?!disconnected)/.test(String(nodes));
  });
  return port;
}

test("in a cluster each command is counted at the node that served it", async (t) => {
  const nodes = await startRedisCluster(t);
  const ports = nodes.nodes.map(({ port }) => port);
  const port = nodes.primaries[0]?.port ?? 0;
  const recorder = new Recorder();
  const cluster = createCluster({
    rootNodes: [{ socket: { host: "127.0.0.1", port } }],
    useReplicas: true,
    minimizeConnections: true,
  });
  cluster.on("error", ignore).on("node-error", ignore);
  await cluster.connect();
  t.after(() => cluster.destroy());
  const detach = attachNodeRedis(cluster, recorder);
  assert(detach !== null);

  await t.test("primaries and replicas, typed, raw, transactions, several keys", async () => {
    const monitor = await startMonitor(ports);
    for (let i = 0; i < 40; i++) {
      await cluster.set(`k${i}`, "v");
      await cluster.get(`k${i}`);
      await cluster.sendCommand(`k${i}`, true, ["STRLEN", `k${i}`]);
    }
    await cluster.withTypeMapping({}).hGetAll("{tag}h");
    await cluster.mSet({ "{tag}a": "1", "{tag}b": "2" });
    await cluster.mGet(["{tag}a", "{tag}b"]);
    await cluster.del(["k1", "k2", "k3"]);
    await cluster.multi().set("{tag}a", "1").get("{tag}a").exec();
    await cluster.multi().get("{tag}a").get("{tag}b").execAsPipeline();
    const ran = await monitor.stop();
    assert.deepEqual(recorder.counts(), await accessesOf(port, ran));
    const targets = new Set(recorder.seen.map(({ place }) => place.target));
    assert.deepEqual([...targets].sort(), nodes.nodes.map(({ address }) => address).sort());
  });

  await t.test("a key that moves is counted where it is, MOVED and ASK are not", async () => {
    const key = "moving";
    const from = nodes.primaryOf(key);
    const to = nodes.primaries.find((node) => node !== from);
    assert(to !== undefined);
    await cluster.set(key, "v");
    recorder.seen.length = 0;
    const monitor = await startMonitor(ports);
    const move = await nodes.beginMove(slotOf(Buffer.from(key)), to);
    await cluster.incr(key).catch(ignore);
    await cluster.set(key, "asked");
    await move.finish();
    await cluster.set(key, "moved");
    await cluster.multi().set(key, "again").exec();
    const ran = (await monitor.stop()).filter(({ name }) => !["migrate", "restore-asking"].includes(name));
    assert.deepEqual(recorder.counts(), await accessesOf(port, ran));
    assert.deepEqual(recorder.counts(), new Map([[`${to.address} db0 write ${key}`, 4]]));
  });

  await t.test("after detaching nothing is counted, on no node", async () => {
    recorder.seen.length = 0;
    detach();
    for (let i = 0; i < 40; i++) await cluster.get(`k${i}`);
    assert.equal(recorder.seen.length, 0);
    for (const { client } of cluster.nodeByAddress.values()) {
      assert(client === undefined || !Object.hasOwn(client._getQueue(), "addCommand"));
    }
  });
});
