import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { startProxy } from "../support/proxy.ts";
import { command, startRedis, TestConnection, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";
import { type SteadyLoad, startLoad } from "../support/steady-load.ts";

interface MonitoredServer {
  readonly target: string;
  readonly seconds: number;
  readonly commands: number;
  readonly stoppedBy: string | null;
  readonly problem: string | null;
}

interface MonitorDocument {
  readonly scan: string;
  readonly partial: boolean;
  readonly reasons: readonly string[];
  readonly seconds: number;
  readonly commands: number;
  readonly accesses: number;
  readonly stoppedBy: string | null;
  readonly opsPerSecond: { readonly before: number; readonly during: number };
  readonly servers: readonly MonitoredServer[];
  readonly keys: readonly {
    readonly rank: number;
    readonly key: string;
    readonly keyEncoding: string;
    readonly cut: boolean;
    readonly db: number;
    readonly target: string;
    readonly pattern: string;
    readonly ratePerSecond: { readonly read: number; readonly write: number; readonly total: number };
    readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
    readonly shareOfCommands: number;
    readonly commands: Readonly<Record<string, number>>;
  }[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;

/** So few that the guard has no verdict on them in a short test: a busy machine must not end it. */
const CALM_PER_SECOND = 120;

/** Every other command reads or writes the hot key, the rest some of many. */
function startNoise(t: TestContext, port: number, hot: string): Promise<SteadyLoad> {
  return startLoad(t, port, CALM_PER_SECOND, (n) => {
    if (n % 4 === 1) return ["SET", hot, `value-${n}`];
    return n % 2 === 0 ? ["GET", hot] : ["SET", `noise:${n}`, "v"];
  });
}

/** Clients of a server that are in MONITOR. */
async function monitorsAt(port: number): Promise<number> {
  const clients = String(await command(port, ["CLIENT", "LIST"]));
  return clients.split("\n").filter((line) => / flags=\w*O/.test(line)).length;
}

async function monitorAt(port: number): Promise<void> {
  await waitFor("MONITOR to begin", async () => (await monitorsAt(port)) > 0);
}

/** Of keys that only one command used. */
function countsOf({ keys }: MonitorDocument): Record<string, number> {
  return Object.fromEntries(keys.map(({ db, key, count }) => [`${db}/${key}`, count.lower]));
}

describe("keyheat scan monitor", () => {
  test("names the hot key first, with its reads and writes, and leaves no client behind", async (t) => {
    const redis = await startRedis(t);
    await startNoise(t, redis.port, "user:77");
    const { code, document, stderr } = await scanJson<MonitorDocument>([
      ...["monitor", "--redis", url(redis.port), "--yes", "--limit", "5"],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(document.scan, "monitor");
    assert.equal(document.partial, false);
    assert.equal(document.stoppedBy, null);
    assert.ok(document.seconds >= 2, `it watched for ${document.seconds} s`);
    const [first] = document.keys;
    assert.deepEqual([first?.rank, first?.key, first?.db, first?.pattern], [1, "user:77", 0, "user:{n}"]);
    assert.ok((first?.ratePerSecond.read ?? 0) > 1.5 * (first?.ratePerSecond.write ?? 0));
    assert.equal(first?.count.lower, first?.count.upper);
    assert.deepEqual(Object.keys(first?.commands ?? {}), ["get", "set"]);
    assert.ok(Math.abs((first?.shareOfCommands ?? 0) - 0.75) < 0.1, `${first?.shareOfCommands}`);
    assert.equal(document.keys.length, 5);
    assert.equal(await monitorsAt(redis.port), 0);
  });

  test("shows a table that a key cannot move the cursor of", async (t) => {
    const redis = await startRedis(t);
    await startLoad(t, redis.port, CALM_PER_SECOND, () => ["GET", "\u001b[2J\nhot"]);
    const run = await runScanCommand([
      ...["scan", "monitor", "--redis", url(redis.port), "--yes", "--seconds", "1"],
    ]);
    assert.equal(run.code, 0, run.stderr);
    const [head = "", line = ""] = run.stdout.split("\n");
    assert.match(head, /^# +KEY +\/S +READ +WRITE +COUNT +SHARE +COMMANDS +DB +SERVER$/);
    assert.match(line, /^1 +\\u\{1b\}\[2J\\nhot +\d+ +\d+ +0 +\d+ +100\.0% +get +0 +127\.0\.0\.1:\d+$/);
    assert.match(run.stdout, /commands a second before/);
    assert.doesNotMatch(run.stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  test("counts scripts and transactions once, in each database, and keys that are no text", async (t) => {
    const redis = await startRedis(t);
    const binary = Buffer.from([0, 0xff, 0x22, 0x5c, 0x0a]);
    const scan = scanJson<MonitorDocument>([
      ...["monitor", "--redis", url(redis.port), "--yes", "--seconds", "3", "--limit", "100"],
    ]);
    await monitorAt(redis.port);
    const lines = [
      ["EVAL", "redis.call('SET', KEYS[1], 'v'); return redis.call('GET', KEYS[1])", "1", "scripted"],
      ["EVAL", "return 1", "1", "declared"],
      ["MSET", "a", "1", binary, "2"],
      ["SET", "x".repeat(2000), "long"],
      ["CONFIG", "SET", "requirepass", ""],
    ];
    for (const line of lines) await command(redis.port, line);
    await transaction(redis.port);
    const { code, document, stderr } = await scan;
    assert.equal(code, 0, stderr);
    const counts = countsOf(document);
    assert.deepEqual(counts, {
      "0/scripted": 2,
      "0/a": 1,
      [`0/${binary.toString("base64")}`]: 1,
      [`0/${"x".repeat(1024)}`]: 1,
      "9/queued": 1,
    });
    assert.equal(document.keys.find(({ keyEncoding }) => keyEncoding === "base64")?.cut, false);
    assert.equal(document.keys.find(({ cut }) => cut)?.key, "x".repeat(1024));
  });

  test("does not begin where nobody can be asked, and says how to begin all the same", async (t) => {
    const redis = await startRedis(t);
    const run = await runScanCommand(["scan", "monitor", "--redis", url(redis.port)]);
    assert.equal(run.code, 2);
    assert.equal(run.stdout, "");
    assert.match(run.lastLine, /^--yes: .*standard input is no terminal; add --yes/);
    assert.doesNotMatch(String(await command(redis.port, ["INFO", "commandstats"])), /cmdstat_monitor/);
  });

  test("ends at Ctrl-C with what it saw, and the server forgets it at once", async (t) => {
    const redis = await startRedis(t);
    await startNoise(t, redis.port, "user:77");
    const args = ["monitor", "--redis", url(redis.port), "--yes", "--seconds", "60"];
    const run = await scanJson<MonitorDocument>(args, {
      onStart: (kill) => void seenAt(redis.port).then(() => kill("SIGINT")),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.match(run.lastLine, /stopped before its end/);
    assert.equal(run.document.keys[0]?.key, "user:77");
    assert.ok(run.document.seconds < 60);
    assert.equal(await monitorsAt(redis.port), 0);
  });

  test("is forgotten by the server as soon as its process is killed", async (t) => {
    const redis = await startRedis(t);
    const args = ["scan", "monitor", "--redis", url(redis.port), "--yes", "--seconds", "60"];
    const run = await runScanCommand(args, {
      onStart: (kill) => void monitorAt(redis.port).then(() => kill("SIGKILL")),
    });
    assert.equal(run.code, null);
    await waitFor("the client to be gone", async () => (await monitorsAt(redis.port)) === 0);
  });

  test("ends when the server runs a quarter less than before", async (t) => {
    const redis = await startRedis(t);
    const load = await startLoad(t, redis.port, 4000, (n) => ["GET", `k:${n % 10}`]);
    const args = ["monitor", "--redis", url(redis.port), "--yes", "--seconds", "60"];
    const run = await scanJson<MonitorDocument>(args, {
      onStart: () => void monitorAt(redis.port).then(() => load.stop()),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.stoppedBy, "ops-drop");
    assert.equal(run.document.partial, true);
    assert.ok(run.document.seconds < 60);
    assert.match(run.lastLine, /ended after .* a quarter less commands a second than right before/);
    assert.equal(await monitorsAt(redis.port), 0);
  });

  test("ends when the server holds back more than 8 MiB for it", async (t) => {
    const redis = await startRedis(t);
    const proxy = await startProxy(t, redis.port);
    // Few and large: what is not read piles up at the server, and no rate drops.
    await startLoad(t, redis.port, 40, () => ["SET", "big", Buffer.alloc(2 ** 20, "v")]);
    const args = ["monitor", "--redis", proxy.url, "--yes", "--seconds", "60"];
    const freeze = async () => {
      await monitorAt(redis.port);
      // The server shows it before its answer to MONITOR has passed: a command that was seen is behind that.
      await waitFor("a command to be seen", () => proxy.sentOnLatest > 2 ** 20);
      proxy.freezeLatest();
    };
    const run = await scanJson<MonitorDocument>(args, { onStart: () => void freeze() });
    assert.equal(run.code, 1);
    assert.equal(run.document.stoppedBy, "output-buffer", run.stderr);
    assert.match(run.lastLine, /held back more than 8 MiB/);
  });

  test("says which right is missing, and works when that line was run", async (t) => {
    const redis = await startRedis(t);
    const looker = await makeLooker(redis.port, ["+ping", "+info", "+client"]);
    await startNoise(t, redis.port, "user:77");
    const args = ["monitor", "--redis", looker, "--yes", "--seconds", "1"];
    const refused = await runScanCommand(["scan", ...args]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /user "looker" may not run MONITOR; run: ACL SETUSER looker \+monitor$/);
    assert.doesNotMatch(refused.stderr, /pw/);
    await command(redis.port, lineToRun(refused.lastLine));
    const { code, document } = await scanJson<MonitorDocument>(args);
    assert.equal(code, 0);
    assert.equal(document.keys[0]?.key, "user:77");
  });

  test("watches its cost by INFO where CLIENT LIST is not allowed, and does not begin where neither is", async (t) => {
    const redis = await startRedis(t);
    const looker = await makeLooker(redis.port, ["+ping", "+info", "+monitor"]);
    await startNoise(t, redis.port, "user:77");
    const args = ["monitor", "--redis", looker, "--yes", "--seconds", "1"];
    const byInfo = await scanJson<MonitorDocument>(args);
    assert.equal(byInfo.code, 0, byInfo.stderr);
    assert.equal(byInfo.document.keys[0]?.key, "user:77");
    await command(redis.port, ["ACL", "SETUSER", "looker", "-info", "+role"]);
    const refused = await runScanCommand(["scan", ...args]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /cannot be watched, so it is not begun; run: ACL SETUSER looker \+info$/);
    await command(redis.port, lineToRun(refused.lastLine));
    assert.equal((await scanJson<MonitorDocument>(args)).code, 0);
  });

  test("ends when what it costs may not be watched any more, and says which right was taken", async (t) => {
    const redis = await startRedis(t);
    const rights = ["+ping", "+info", "+monitor", "+client|id", "+client|list"];
    for (const right of ["info", "client|list"]) {
      const looker = await makeLooker(redis.port, rights);
      const scan = scanJson<MonitorDocument>(["monitor", "--redis", looker, "--yes", "--seconds", "60"]);
      await monitorAt(redis.port);
      await command(redis.port, ["ACL", "SETUSER", "looker", `-${right}`]);
      const { code, document, lastLine } = await scan;
      assert.equal(code, 1);
      assert.equal(document.stoppedBy, "unwatched");
      assert.match(lastLine, /could not be watched any more: user "looker" may not run/);
      assert.ok(lineToRun(lastLine).includes(`+${right}`), lastLine);
    }
  });

  test("says that a renamed MONITOR is not offered", async (t) => {
    const redis = await startRedis(t, { args: ["--rename-command", "MONITOR", ""] });
    const run = await runScanCommand(["scan", "monitor", "--redis", url(redis.port), "--yes"]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer MONITOR/);
  });

  test("ends when the server answers no more", async (t) => {
    const redis = await startRedis(t);
    t.after(() => redis.process.kill("SIGCONT"));
    const args = ["monitor", "--redis", url(redis.port), "--yes", "--seconds", "60"];
    const run = await scanJson<MonitorDocument>(args, {
      onStart: () => void monitorAt(redis.port).then(() => redis.process.kill("SIGSTOP")),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.stoppedBy, "unwatched", run.stderr);
    assert.match(run.lastLine, /it could not be watched any more: no answer for 1 s/);
  });

  test("counts nothing of its own: an idle server ran no commands", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "keyheat-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "redis.sock");
    const redis = await startRedis(t, { args: ["--unixsocket", path] });
    // Who may not ask for the list of clients is told apart as well.
    const byInfo = await makeLooker(redis.port, ["+ping", "+info", "+monitor"]);
    for (const server of [url(redis.port), `unix://${path}`, byInfo]) {
      const args = ["monitor", "--redis", server, "--yes", "--seconds", "1"];
      const { code, document } = await scanJson<MonitorDocument>(args);
      assert.equal(code, 0);
      assert.deepEqual([document.commands, document.accesses, document.keys], [0, 0, []]);
      assert.deepEqual(document.opsPerSecond, { before: 0, during: 0 });
    }
  });

  test("reads a unix socket's clients", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "keyheat] [-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "redis.sock");
    const redis = await startRedis(t, { args: ["--unixsocket", path] });
    await startNoise(t, redis.port, "user:77");
    const { code, document, stderr } = await scanJson<MonitorDocument>([
      ...["monitor", "--redis", `unix://${path}`, "--yes", "--seconds", "1"],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(document.keys[0]?.key, "user:77");
  });
});

describe("keyheat scan monitor in a cluster", () => {
  test("watches all primaries at once, and a node that is down takes nothing from the others", async (t) => {
    const cluster = await startRedisCluster(t, { primaries: 3, replicas: 0 });
    const hot = cluster.primaryOf("user:7");
    await startNoise(t, hot.port, "{user:7}");
    const [seed, victim] = cluster.primaries.filter(({ port }) => port !== hot.port);
    const args = ["monitor", "--redis", url(seed?.port ?? 0), "--yes", "--seconds", "1"];
    const all = await scanJson<MonitorDocument>(args);
    assert.equal(all.code, 0, all.stderr);
    assert.deepEqual(
      all.document.servers.map(({ target }) => target).sort(),
      cluster.primaries.map(({ address }) => address).sort(),
    );
    assert.deepEqual([all.document.keys[0]?.key, all.document.keys[0]?.target], ["{user:7}", hot.address]);
    const lost = await scanJson<MonitorDocument>([...args, "--seconds", "3"], {
      onStart: () => void monitorAt(victim?.port ?? 0).then(() => victim?.server.stop()),
    });
    assert.equal(lost.code, 1);
    const stopped = lost.document.servers.filter(({ stoppedBy }) => stoppedBy !== null);
    assert.deepEqual(
      stopped.map(({ target, stoppedBy }) => [target, stoppedBy]),
      [[victim?.address, "server-closed"]],
    );
    assert.equal(lost.document.keys[0]?.key, "{user:7}");
    assert.ok(lost.document.seconds >= 3, "the others were watched to the end");
    const others = await scanJson<MonitorDocument>(args);
    assert.equal(others.code, 1);
    assert.equal(others.document.partial, true);
    assert.equal(others.document.keys[0]?.key, "{user:7}");
    assert.ok(others.stderr.includes(victim?.address ?? "?"), others.stderr);
  });
});

/** Waits until MONITOR has been on for long enough to see something. */
async function seenAt(port: number): Promise<void> {
  await monitorAt(port);
  const ran = async () =>
    Number(/total_commands_processed:(\d+)/.exec(String(await command(port, ["INFO", "stats"])))?.[1]);
  const before = await ran();
  await waitFor("commands to run", async () => (await ran()) > before + 2 * CALM_PER_SECOND);
}

/** A write in database 9, in MULTI and EXEC. */
async function transaction(port: number): Promise<void> {
  using connection = await TestConnection.open(port);
  for (const line of [["SELECT", "9"], ["MULTI"], ["SET", "queued", "v"], ["EXEC"]])
    await connection.command(line);
}
