import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { command, startRedis, type TestServer } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";

interface SlowDocument {
  readonly partial: boolean;
  readonly entries: number;
  readonly servers: readonly {
    readonly target: string;
    readonly thresholdMs: number | null;
    readonly isFull: boolean | null;
  }[];
  readonly keys: readonly {
    readonly rank: number;
    readonly key: string;
    readonly cut: boolean;
    readonly pattern: string;
    readonly count: number;
    readonly totalMs: number;
    readonly worstMs: number;
    readonly commands: Readonly<Record<string, number>>;
  }[];
  readonly withoutKey: readonly { readonly command: string; readonly count: number }[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;
const LOG_ALL = ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "10000"];

/** What the server itself logged of a command, in ms. */
async function loggedMs(port: number, name: string): Promise<number[]> {
  const rows = (await command(port, ["SLOWLOG", "GET", 10_000])) as unknown[][];
  return rows.flatMap((row) => (String((row[3] as unknown[])[0]) === name ? [Number(row[2]) / 1000] : []));
}

describe("keyheat scan slow", () => {
  let redis: TestServer;

  before(async () => {
    redis = await startRedis(null, { args: LOG_ALL });
  });

  after(() => redis.stop());

  test("sums up the log by key, exactly as the server has it", async () => {
    await command(redis.port, [
      "HSET",
      "cart:1",
      ...Array.from({ length: 5000 }, (_, n) => `f${n}`).flatMap((f) => [f, "v"]),
    ]);
    await command(redis.port, ["SLOWLOG", "RESET"]);
    for (let n = 0; n < 5; n++) await command(redis.port, ["HGETALL", "cart:1"]);
    await command(redis.port, ["GET", "x".repeat(500)]);
    await command(redis.port, ["KEYS", "nothing*"]);
    const wanted = await loggedMs(redis.port, "HGETALL");
    const { code, document, stderr } = await scanJson<SlowDocument>(["slow", "--redis", url(redis.port)]);
    assert.equal(code, 0, stderr);
    const cart = document.keys.find(({ key }) => key === "cart:1");
    assert.equal(cart?.count, 5);
    assert.deepEqual(cart?.commands, { hgetall: 5 });
    assert.ok(Math.abs((cart?.totalMs ?? 0) - wanted.reduce((sum, ms) => sum + ms, 0)) < 1e-6);
    assert.equal(cart?.worstMs, Math.max(...wanted));
    assert.equal(document.keys[0]?.key, "cart:1");
    const long = document.keys.find(({ key }) => key.startsWith("xxx"));
    assert.equal(long?.key.length, 128);
    assert.equal(long?.cut, true);
    assert.equal(document.withoutKey.find((row) => row.command === "keys")?.count, 1);
    assert.equal(document.servers[0]?.thresholdMs, 0);
  });

  test("keeps to keys with so many slow commands, and shows them inert", async () => {
    await command(redis.port, ["SLOWLOG", "RESET"]);
    const hostile = "evil\u001b]0;title\u0007\n";
    for (let n = 0; n < 3; n++) await command(redis.port, ["SET", hostile, "v"]);
    await command(redis.port, ["SET", "once", "v"]);
    const { document } = await scanJson<SlowDocument>([
      "slow",
      "--redis",
      url(redis.port),
      "--min-count",
      "2",
    ]);
    assert.deepEqual(
      document.keys.map(({ key, count }) => [key, count]),
      [[hostile, 3]],
    );
    const { stdout } = await runScanCommand(["scan", "slow", "--redis", url(redis.port)]);
    assert.match(stdout, /evil\\u\{1b\}\]0;title\\u\{7\}\\n/);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  test("shows a key that the log has cut within a character as the text that is there", async () => {
    await command(redis.port, ["SLOWLOG", "RESET"]);
    await command(redis.port, ["GET", `a${"é".repeat(100)}`]);
    const { document } = await scanJson<SlowDocument>(["slow", "--redis", url(redis.port)]);
    const [row] = document.keys;
    assert.equal(row?.key, `a${"é".repeat(63)}`);
    assert.equal(row?.cut, true);
    assert.equal(row?.pattern, row?.key);
  });

  test("leaves its own commands out, and whoever else logs in shows no password", async () => {
    await command(redis.port, ["ACL", "SETUSER", "other", "on", ">hunter2", "~*", "+@all"]);
    await command(redis.port, ["SLOWLOG", "RESET"]);
    await command(redis.port, ["AUTH", "other", "hunter2"]);
    const run = await scanJson<SlowDocument>([
      "slow",
      "--redis",
      `redis://other:hunter2@127.0.0.1:${redis.port}`,
    ]);
    assert.ok(!run.stdout.includes("hunter2"));
    const others = run.document.withoutKey.map((row) => row.command);
    assert.ok(!others.includes("info") && !others.includes("ping"), others.join());
  });

  test("says how far the log reaches back, and that it is full", async (t) => {
    const small = await startRedis(t, { args: ["--slowlog-log-slower-than", "0", "--slowlog-max-len", "4"] });
    for (let n = 0; n < 5; n++) await command(small.port, ["SET", "k", "v"]);
    const { document } = await scanJson<SlowDocument>(["slow", "--redis", url(small.port)]);
    assert.equal(document.servers[0]?.isFull, true);
    await command(small.port, ["CONFIG", "SET", "slowlog-max-len", "100"]);
    await command(small.port, ["SET", "k", "v"]);
    const { stdout } = await runScanCommand(["scan", "slow", "--redis", url(small.port)]);
    assert.match(stdout, /logs what takes longer than 0 ms; reaches back to \d{4}-\d\d-\d\dT[\d:]{8}Z$/m);
  });

  test("says that only the latest entries were read where there are more", async () => {
    await command(redis.port, ["SLOWLOG", "RESET"]);
    for (let n = 0; n < 1100; n++) await command(redis.port, ["SET", `k:${n % 10}`, "v"]);
    const { code, document } = await scanJson<SlowDocument & { reasons: string[] }>([
      ...["slow", "--redis", url(redis.port)],
    ]);
    assert.equal(code, 0);
    // All that were read but the scan's own.
    assert.ok(document.entries > 900 && document.entries <= 1000, String(document.entries));
    assert.equal(document.partial, true);
    assert.match(document.reasons.join(), /the latest 1000 of 11\d\d entries/);
  });

  test("says that the log is off, and how to turn it on", async (t) => {
    const off = await startRedis(t, { args: ["--slowlog-log-slower-than", "-1"] });
    const { code, stdout } = await runScanCommand(["scan", "slow", "--redis", url(off.port)]);
    assert.equal(code, 0);
    assert.match(stdout, /the slow log is off; run: CONFIG SET slowlog-log-slower-than/);
  });

  test("says which right is missing, and works when that line was run", async () => {
    const args = ["slow", "--redis", await makeLooker(redis.port, ["+ping", "+info"])];
    const refused = await runScanCommand(["scan", ...args, "--json"]);
    assert.equal(refused.code, 1);
    assert.match(refused.lastLine, /may not run SLOWLOG GET; run: ACL SETUSER looker \+slowlog\|get/);
    await command(redis.port, lineToRun(refused.lastLine));
    assert.equal((await scanJson(args)).code, 0);
  });

  test("says that a renamed command is not offered", async (t) => {
    const renamed = await startRedis(t, { args: ["--rename-command", "SLOWLOG", ""] });
    const run = await runScanCommand(["scan", "slow", "--redis", url(renamed.port)]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer SLOWLOG GET/);
  });
});

test("keyheat scan slow reads the logs of all primaries, and answers for those that are left", async (t) => {
  const cluster = await startRedisCluster(t, { args: LOG_ALL });
  for (const { port } of cluster.primaries) await command(port, ["SLOWLOG", "RESET"]);
  for (const key of ["user:1", "user:2", "user:3"])
    await command(cluster.primaryOf(key).port, ["SET", key, "v"]);
  const [seed, victim] = cluster.primaries;
  const whole = await scanJson<SlowDocument>(["slow", "--redis", url(seed?.port ?? 0)]);
  assert.equal(whole.code, 0, whole.stderr);
  assert.deepEqual(whole.document.keys.map(({ key }) => key).sort(), ["user:1", "user:2", "user:3"]);
  await victim?.server.stop();
  const rest = await scanJson<SlowDocument>(["slow", "--redis", url(seed?.port ?? 0)]);
  assert.equal(rest.code, 1);
  assert.equal(rest.document.partial, true);
  assert.equal(rest.document.servers.length, 2);
  assert.ok(rest.lastLine.includes(victim?.address ?? "?"), rest.lastLine);
});
