import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { command, load, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster, type TestCluster } from "../support/redis-cluster.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";

interface PatternJson {
  readonly rank: number;
  readonly pattern: string;
  readonly isRest: boolean;
  readonly keys: number;
  readonly measured: number;
  readonly unmeasured: number;
  readonly sampled: boolean;
  readonly averageBytes: number | null;
  readonly totalBytes: number;
  readonly lowerBytes: number;
  readonly upperBytes: number | null;
  readonly share: number;
  readonly largestBytes: number | null;
  readonly largestKey: { readonly key: string; readonly keyEncoding: string; readonly db: number } | null;
}

interface MemoryDocument {
  readonly scan: string;
  readonly partial: boolean;
  readonly totalKeys: number;
  readonly totalBytes: number;
  readonly unmeasuredKeys: number;
  readonly servers: readonly { readonly target: string; readonly keysSeen: number }[];
  readonly patterns: readonly PatternJson[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;

describe("keyheat scan memory", () => {
  let redis: TestServer;

  before(async () => {
    redis = await startRedis(null);
    await load(redis.port, 3000, (n) => ["SET", `user:${n}:profile`, "x".repeat(n % 200)]);
    await load(redis.port, 1000, (n) => ["HSET", `cart:${n}`, "item", "x".repeat(n % 50)]);
    await load(redis.port, 3, (n) => ["XADD", `events:${n}`, "*", "a", "b"]);
    await command(redis.port, ["SET", "\u001b[2J", "x".repeat(2_000_000)]);
  });

  after(() => redis.stop());

  const args = (...more: string[]) => ["memory", "--redis", url(redis.port), ...more];

  async function exactBytes(match: string): Promise<number> {
    const script =
      "local sum = 0 for _, key in ipairs(redis.call('keys', ARGV[1])) do sum = sum + redis.call('memory', 'usage', key) end return sum";
    return Number(await command(redis.port, ["EVAL", script, 0, match]));
  }

  test("finds the patterns by itself and sums them up, in one document with nothing beside it", async () => {
    const { code, document, stderr } = await scanJson<MemoryDocument>(args());
    assert.equal(code, 0, stderr);
    assert.deepEqual([document.scan, document.partial, document.totalKeys], ["memory", false, 4004]);
    const [first, user, cart, events, ...others] = document.patterns;
    assert.equal(others.length, 0);
    assert.ok((first?.totalBytes ?? 0) > 2_000_000);
    assert.equal(user?.pattern, "user:{n}:profile");
    assert.equal(user.totalBytes, await exactBytes("user:*"));
    assert.deepEqual([user.rank, user.keys, user.measured, user.sampled], [2, 3000, 3000, false]);
    assert.equal(user.averageBytes, Math.round(user.totalBytes / 3000));
    assert.deepEqual([user.lowerBytes, user.upperBytes], [user.totalBytes, user.totalBytes]);
    assert.equal(
      user.largestBytes,
      await command(redis.port, ["MEMORY", "USAGE", user.largestKey?.key ?? ""]),
    );
    assert.equal(cart?.totalBytes, await exactBytes("cart:*"));
    assert.deepEqual([events?.pattern, events?.keys, events?.unmeasured], ["events:{n}", 3, 3]);
    assert.deepEqual([events?.averageBytes, events?.largestBytes], [null, null]);
    assert.equal(document.unmeasuredKeys, 3);
  });

  test("counts a key for the first glob that matches, and all others in one row", async () => {
    const { document } = await scanJson<MemoryDocument>(args("--patterns", "user:1*", "user:*", "none:*"));
    const rows = document.patterns.map(({ pattern, keys }) => [pattern, keys]);
    assert.deepEqual(rows, [
      ["user:*", 1889],
      ["user:1*", 1111],
      ["none:*", 0],
      ["other", 1004],
    ]);
    assert.equal(document.patterns[1]?.totalBytes, await exactBytes("user:1*"));
    const shares = document.patterns.reduce((sum, { share }) => sum + share, 0);
    assert.ok(Math.abs(shares - 1) < 1e-9);
  });

  test("measures only a sample where it is told to, and gives bounds that hold", async () => {
    await command(redis.port, ["CONFIG", "RESETSTAT"]);
    const { document } = await scanJson<MemoryDocument>(args("--sample", "100"));
    const stats = String(await command(redis.port, ["INFO", "commandstats"]));
    const calls = Number(/cmdstat_memory\|usage:calls=(\d+)/.exec(stats)?.[1]);
    assert.ok(calls < 2000, `${calls} keys were measured`);
    const user = document.patterns.find(({ pattern }) => pattern === "user:{n}:profile");
    const exact = await exactBytes("user:*");
    assert.ok(user?.sampled);
    assert.ok(user.measured >= 50 && user.measured <= 200, `${user.measured}`);
    assert.equal(user.keys, 3000);
    assert.ok(user.lowerBytes < user.totalBytes && user.totalBytes < (user.upperBytes ?? 0));
    // The sample is the same in each run: it is made by the names.
    assert.ok(
      user.lowerBytes <= exact && exact <= (user.upperBytes ?? 0),
      `${exact}: ${JSON.stringify(user)}`,
    );
    const few = document.patterns.find(({ keys }) => keys === 1);
    assert.equal(few?.sampled, false);
  });

  test("shows a table that people can read, with hostile names inert", async () => {
    const { code, stdout } = await runScanCommand(["scan", ...args("--limit", "2")]);
    assert.equal(code, 0);
    assert.match(stdout, /^PATTERN +KEYS +TOTAL +SHARE +AVERAGE +LARGEST +NOT MEASURED +LARGEST KEY$/m);
    assert.match(stdout, /^user:\{n\}:profile +3,000 +\d+ KiB /m);
    assert.match(stdout, /^\(other\) +1,003 .* 3 +cart:\d+$/m);
    assert.match(stdout, /^4,004 keys, [\d.]+ MiB by MEMORY USAGE$/m);
    assert.match(stdout, /^not in the sizes: 3 streams and the like/m);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
    const sampled = await runScanCommand(["scan", ...args("--sample", "50")]);
    assert.match(sampled.stdout, /TOTAL IS BETWEEN +MEASURED/);
    assert.match(sampled.stdout, /95% sure/);
  });

  test("says which right is missing, and works when that line was run", async () => {
    const looker = await makeLooker(redis.port, ["+ping", "+info", "+scan", "+type", "%R~*"]);
    const asLooker = ["memory", "--redis", looker];
    const refused = await runScanCommand(["scan", ...asLooker, "--json"]);
    assert.equal(refused.code, 1);
    assert.equal(refused.stdout, "");
    assert.match(
      refused.lastLine,
      /user "looker" may not run MEMORY USAGE; run: ACL SETUSER looker \+memory\|usage/,
    );
    await command(redis.port, lineToRun(refused.lastLine));
    const { code, document } = await scanJson<MemoryDocument>(asLooker);
    assert.equal(code, 0);
    assert.equal(document.totalKeys, 4004);
  });

  test("says that a renamed command is not offered", async (t) => {
    const renamed = await startRedis(t, { args: ["--rename-command", "TYPE", ""] });
    await load(renamed.port, 10, (n) => ["SET", `k:${n}`, "v"]);
    const run = await runScanCommand(["scan", "memory", "--redis", url(renamed.port)]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer TYPE/);
  });

  test("prints what it has at Ctrl-C, marked as partial", async () => {
    await command(redis.port, ["CONFIG", "RESETSTAT"]);
    const isUnderWay = async () =>
      String(await command(redis.port, ["INFO", "commandstats"])).includes("cmdstat_memory|usage");
    const run = await scanJson<MemoryDocument>(args("--budget", "100"), {
      onStart: (kill) => void waitFor("a scan under way", isUnderWay).then(() => kill("SIGINT")),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.match(run.lastLine, /stopped before its end/);
    assert.ok(run.document.totalKeys > 0 && run.document.totalKeys < 4004, `${run.document.totalKeys}`);
  });
});

describe("keyheat scan big and memory in a cluster", () => {
  const KEYS = 300;
  const BIG_KEYS = 10;
  // Far enough apart for the allocator, which rounds up.
  const lengthOf = (n: number) => (n < BIG_KEYS ? 20_000 * 2 ** n : 1);
  let cluster: TestCluster;

  before(async () => {
    cluster = await startRedisCluster(null);
    for (let n = 0; n < KEYS; n++)
      await command(cluster.primaryOf(`user:${n}`).port, ["SET", `user:${n}`, "x".repeat(lengthOf(n))]);
  });

  after(() => cluster.stop());

  test("look at all primaries, by whatever node they are given", async () => {
    const seed = url(cluster.replicas[0]?.port ?? 0);
    const { code, document, stderr } = await scanJson<MemoryDocument>(["memory", "--redis", seed]);
    assert.equal(code, 0, stderr);
    const targets = document.servers.map(({ target }) => target).sort();
    assert.deepEqual(targets, cluster.primaries.map(({ address }) => address).sort());
    assert.deepEqual(
      document.patterns.map(({ pattern, keys }) => [pattern, keys]),
      [["user:{n}", KEYS]],
    );
    const big = await scanJson<{ keys: { key: string; target: string; length: number }[] }>([
      ...["big", "--redis", seed],
    ]);
    assert.equal(big.code, 0, big.stderr);
    assert.deepEqual(
      big.document.keys.map(({ key, length }) => [key, length]),
      Array.from({ length: BIG_KEYS }, (_, n) => [`user:${n}`, lengthOf(n)]).toReversed(),
    );
    for (const { key, target } of big.document.keys) assert.equal(target, cluster.primaryOf(key).address);
  });

  test("give the others' answer where a node is down, marked as partial, and name the node", async () => {
    for (const { port } of cluster.nodes)
      await command(port, ["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    const victim = cluster.primaryOf("user:0");
    const seed = cluster.primaries.find(({ address }) => address !== victim.address);
    await victim.server.stop();
    const left = Array.from({ length: KEYS }, (_, n) => `user:${n}`).filter(
      (key) => cluster.primaryOf(key).address !== victim.address,
    );
    const memory = await scanJson<MemoryDocument>(["memory", "--redis", url(seed?.port ?? 0)]);
    assert.equal(memory.code, 1);
    assert.deepEqual([memory.document.partial, memory.document.totalKeys], [true, left.length]);
    assert.ok(memory.lastLine.includes(victim.address), memory.lastLine);
    const big = await scanJson<{ partial: boolean; keys: { key: string }[] }>([
      "big",
      "--redis",
      url(seed?.port ?? 0),
    ]);
    assert.equal(big.code, 1);
    assert.equal(big.document.partial, true);
    const bigLeft = left.slice(0, BIG_KEYS).filter((key) => Number(key.slice(5)) < BIG_KEYS);
    assert.deepEqual(
      big.document.keys.map(({ key }) => key),
      bigLeft.toReversed(),
    );
    assert.ok(big.lastLine.includes(victim.address), big.lastLine);
  });
});
