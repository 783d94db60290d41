import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { openFleet } from "../../src/scans/fleet.ts";
import { ScanServer } from "../../src/scans/scan-server.ts";
import { type Examine, sweep } from "../../src/scans/sweep.ts";
import { command, freePort, load, startRedis, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { runScanCommand, scanJson } from "../support/scan.ts";

const url = (port: number) => `redis://127.0.0.1:${port}`;

interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

async function openAt(port: number, { signal, clock = systemClock }: OpenOptions = {}): Promise<ScanServer> {
  const [target] = defaultConfig({ redisUrls: [url(port)] }).targets;
  assert.ok(target !== undefined);
  return await ScanServer.open(target, {
    clock,
    signal: signal ?? new AbortController().signal,
    budget: 1_000_000,
  });
}

/** Sweeps the server at `port` with `examine`. */
async function swept(port: number, examine: Examine) {
  const { targets } = defaultConfig({ redisUrls: [url(port)] });
  const { signal } = new AbortController();
  const { servers } = await openFleet(targets, { clock: systemClock, signal, budget: 1_000_000 });
  try {
    return await sweep({ servers, clock: systemClock, signal, onProgress: () => {} }, {}, examine);
  } finally {
    for (const server of servers) server.close();
  }
}

/** A clock that is ten times as fast. */
const FAST: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now() * 10,
  after: (delayMs, task) => systemClock.after(delayMs / 10, task),
};

describe("a scan at a server", () => {
  test("that is restarted in the middle ends in the same database, and says that its counts are doubtful", async (t) => {
    const port = await freePort();
    const filled = async () => {
      await load(port, 3000, (n) => ["SET", `other:${n}`, "v"]);
      await load(port, 3001, (n) => (n === 0 ? ["SELECT", 2] : ["SET", `key:${n}`, "v"]));
    };
    const first = await startRedis(t, { port });
    await filled();
    let pages = 0;
    const { missing, servers } = await swept(port, async (_, { db, keys }) => {
      const prefix = db === 2 ? "key:" : "other:";
      assert.ok(keys.every((key) => key.toString().startsWith(prefix)));
      if (db !== 2 || ++pages !== 5) return;
      await first.stop();
      await startRedis(t, { port });
      await filled();
    });
    assert.equal(servers[0]?.problem, null);
    assert.deepEqual(missing, [
      `127.0.0.1:${port}: it was restarted in the meantime, its keys may be counted twice or not`,
    ]);
  });

  test("that runs a script waits for its end", async (t) => {
    const { port } = await startRedis(t, { args: ["--busy-reply-threshold", "1"] });
    const server = await openAt(port, { clock: FAST });
    t.after(() => server.close());
    const script = command(port, ["EVAL", "while true do end", 0]).catch(() => null);
    await waitFor("the server to be busy", async () => /BUSY/.test(String(await refusalOf(port))));
    const startMs = FAST.monotonic();
    const answers = server.ask([["DBSIZE"]]);
    await waitFor("a long wait", () => Promise.resolve(FAST.monotonic() - startMs > 10_000));
    await command(port, ["SCRIPT", "KILL"]);
    await script;
    assert.deepEqual(await answers, [{ value: 0 }]);
  });

  test("that hangs ends at Ctrl-C without waiting for it", async (t) => {
    const redis = await startRedis(t);
    const stop = new AbortController();
    const server = await openAt(redis.port, { signal: stop.signal });
    t.after(() => server.close());
    redis.process.kill("SIGSTOP");
    t.after(() => redis.process.kill("SIGCONT"));
    const asking = assert.rejects(server.ask([["DBSIZE"]]), {
      message: "it did not answer when the scan was stopped",
    });
    const opening = assert.rejects(openAt(redis.port, { signal: stop.signal }), { code: "CLOSED" });
    stop.abort();
    await Promise.all([asking, opening]);
  });
});

test("keyheat scan hot says of every server why it gave nothing", async (t) => {
  const servers = await Promise.all([startRedis(t), startRedis(t)]);
  for (const { port } of servers) await load(port, 10, (n) => ["SET", `key:${n}`, "v"]);
  const { code, stdout, lastLine } = await runScanCommand([
    ...["scan", "hot", "--json"],
    ...servers.flatMap(({ port }) => ["--redis", url(port)]),
  ]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  for (const { port } of servers)
    assert.ok(lastLine.includes(`127.0.0.1:${port}: its maxmemory-policy`), lastLine);
});

async function refusalOf(port: number): Promise<unknown> {
  return await command(port, ["DBSIZE"]).catch((err: unknown) => err);
}

test("keyheat scan hot passes over keys of a slot that is on its way to another node, and says so", async (t) => {
  const cluster = await startRedisCluster(t, { args: ["--maxmemory-policy", "allkeys-lfu"] });
  const from = cluster.primaryOf("{moving}");
  const to = cluster.primaries.find(({ address }) => address !== from.address);
  assert.ok(to !== undefined);
  for (let n = 0; n < 20; n++) await command(from.port, ["SET", `{moving}:${n}`, "v"]);
  const slot = Number(await command(from.port, ["CLUSTER", "KEYSLOT", "{moving}"]));
  const idOf = async (port: number) => String(await command(port, ["CLUSTER", "MYID"]));
  await command(to.port, ["CLUSTER", "SETSLOT", slot, "IMPORTING", await idOf(from.port)]);
  await command(from.port, ["CLUSTER", "SETSLOT", slot, "MIGRATING", await idOf(to.port)]);
  const half = Array.from({ length: 10 }, (_, n) => `{moving}:${n}`);
  await command(from.port, ["MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", ...half]);
  const { code, document, lastLine } = await scanJson<{
    keys: readonly { key: string }[];
    servers: readonly { problem: string | null }[];
  }>(["hot", "--redis", url(from.port)]);
  assert.deepEqual(
    document.servers.map(({ problem }) => problem),
    [null, null, null],
  );
  assert.equal(document.keys.length, 10);
  assert.equal(code, 1);
  assert.match(lastLine, /: slots moved in the meantime, its keys may be counted twice or not$/);
});
