import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { command, load, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { lineToRun } from "../support/refusals.ts";
import { makeLooker, runScanCommand, scanJson } from "../support/scan.ts";

interface BigDocument {
  readonly scan: string;
  readonly partial: boolean;
  readonly reasons: readonly string[];
  readonly aboveBytes: number;
  readonly types: readonly {
    readonly type: string;
    readonly keys: number;
    readonly measured: number;
    readonly largestKey: { readonly key: string } | null;
  }[];
  readonly keys: readonly {
    readonly rank: number;
    readonly key: string;
    readonly keyEncoding: string;
    readonly db: number;
    readonly target: string;
    readonly pattern: string;
    readonly type: string;
    readonly bytes: number | null;
    readonly length: number | null;
    readonly sizedBy: string;
    readonly encoding: string | null;
    readonly ttlSeconds: number | null;
  }[];
}

const url = (port: number) => `redis://127.0.0.1:${port}`;
const HOSTILE = Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]);
const SMALLEST_RIGHTS = ["+ping", "+info", "+scan", "+type"];

describe("keyheat scan big", () => {
  let redis: TestServer;

  before(async () => {
    redis = await startRedis(null);
    await load(redis.port, 2000, (n) => ["SET", `user:${n}`, "x".repeat(n % 100)]);
    await load(redis.port, 3000, (n) => ["HSET", "cart:7", `field:${n}`, "x".repeat(50)]);
    await command(redis.port, ["EXPIRE", "cart:7", 3600]);
    await command(redis.port, ["SET", HOSTILE, "x".repeat(20_000)]);
    await load(redis.port, 5, (n) => ["XADD", "events", "*", "n", n]);
  });

  after(() => redis.stop());

  const args = (...more: string[]) => ["big", "--redis", url(redis.port), ...more];

  test("lists the largest keys with what is known of them, in one document with nothing beside it", async () => {
    const { code, document, stderr } = await scanJson<BigDocument>(args());
    assert.equal(code, 0, stderr);
    assert.deepEqual([document.scan, document.partial, document.aboveBytes], ["big", false, 10_240]);
    const [cart, hostile, events, ...others] = document.keys;
    assert.equal(others.length, 0);
    assert.equal(cart?.key, "cart:7");
    assert.equal(cart.bytes, await command(redis.port, ["MEMORY", "USAGE", "cart:7"]));
    assert.deepEqual([cart.rank, cart.type, cart.length, cart.sizedBy], [1, "hash", 3000, "memory"]);
    assert.deepEqual([cart.encoding, cart.pattern, cart.db], ["hashtable", "cart:{n}", 0]);
    assert.ok(cart.ttlSeconds !== null && cart.ttlSeconds > 3000 && cart.ttlSeconds <= 3600);
    assert.deepEqual([hostile?.key, hostile?.keyEncoding], [HOSTILE.toString("base64"), "base64"]);
    assert.deepEqual([hostile?.length, hostile?.ttlSeconds], [20_000, null]);
    assert.deepEqual(
      [events?.key, events?.bytes, events?.length, events?.sizedBy],
      ["events", null, 5, "length"],
    );
    const byType = new Map(document.types.map((row) => [row.type, row]));
    assert.deepEqual([byType.get("string")?.keys, byType.get("string")?.measured], [2001, 2001]);
    assert.deepEqual([byType.get("stream")?.keys, byType.get("stream")?.measured], [1, 0]);
    assert.equal(byType.get("hash")?.largestKey?.key, "cart:7");
  });

  test("never measures a stream, and touches no key but those that it lists", async () => {
    await command(redis.port, ["CONFIG", "RESETSTAT"]);
    await scanJson<BigDocument>(args());
    const stats = String(await command(redis.port, ["INFO", "commandstats"]));
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    assert.equal(calls("type"), 2003);
    assert.equal(calls("memory\\|usage"), 2002);
    assert.equal(calls("strlen") + calls("hlen"), 2);
    assert.equal(calls("xlen"), 2);
  });

  test("shows a table that people can read, with hostile names inert", async () => {
    const { code, stdout } = await runScanCommand(["scan", ...args()]);
    assert.equal(code, 0);
    assert.match(stdout, /^# +KEY +TYPE +SIZE +LENGTH +ENCODING +EXPIRES IN +DB +SERVER$/m);
    assert.match(stdout, /^1 +cart:7 +hash +\d+ KiB +3,000 +hashtable +(59m|1h)/m);
    assert.match(stdout, /\\u\{1b\}\[2J\\xff/);
    assert.match(stdout, /by length, as measuring these could block the server:\n.*\n3 +events +stream +5 /);
    assert.match(stdout, /^stream +1 +0 +- /m);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}/u);
  });

  test("keeps to a size, a number and the keys that match", async () => {
    const above = await scanJson<BigDocument>(args("--above", "100KiB"));
    assert.deepEqual(
      above.document.keys.map(({ key }) => key),
      ["cart:7", "events"],
    );
    const limited = await scanJson<BigDocument>(args("--above", "0B", "--limit", "7", "--match", "user:*"));
    assert.equal(limited.document.keys.length, 7);
    assert.ok(limited.document.keys.every(({ key }) => key.startsWith("user:")));
    const bad = await runScanCommand(["scan", ...args("--samples", "0")]);
    assert.equal(bad.code, 2);
  });

  test("asks for as many samples as it is told to", async () => {
    const { document } = await scanJson<BigDocument>(args("--samples", "100", "--match", "cart:*"));
    assert.equal(
      document.keys[0]?.bytes,
      await command(redis.port, ["MEMORY", "USAGE", "cart:7", "SAMPLES", 100]),
    );
  });

  test("says which right is missing, and works when that line was run", async () => {
    const looker = await makeLooker(redis.port, [...SMALLEST_RIGHTS, "%R~*"]);
    const asLooker = ["big", "--redis", looker];
    const refused = await runScanCommand(["scan", ...asLooker, "--json"]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.lastLine,
      /user "looker" may not run MEMORY USAGE; run: ACL SETUSER looker \+memory\|usage/,
    );
    await command(redis.port, lineToRun(refused.lastLine));
    const withoutLengths = await scanJson<BigDocument>(asLooker);
    assert.equal(withoutLengths.code, 1);
    assert.equal(withoutLengths.document.keys[0]?.key, "cart:7");
    assert.equal(withoutLengths.document.keys[0]?.length, null);
    assert.match(withoutLengths.lastLine, /may not run XLEN; run: ACL SETUSER looker \+xlen/);
    await command(redis.port, lineToRun(withoutLengths.lastLine));
    const { code, document } = await scanJson<BigDocument>(asLooker);
    assert.equal(code, 0);
    assert.equal(document.keys.at(-1)?.key, "events");
  });

  test("says which keys a user may not see, and works when that line was run", async () => {
    const rights = [...SMALLEST_RIGHTS, "+memory|usage", "+xlen", "%R~user:*"];
    const user = ["on", ">pw", "resetkeys", "resetchannels", "-@all", ...rights];
    await command(redis.port, ["ACL", "SETUSER", "narrow", ...user]);
    const asNarrow = ["big", "--redis", `redis://narrow:pw@127.0.0.1:${redis.port}`];
    const refused = await runScanCommand(["scan", ...asNarrow]);
    assert.equal(refused.code, 1);
    assert.match(
      refused.lastLine,
      /user "narrow" may not ask TYPE of some keys; run: ACL SETUSER narrow %R~\*/,
    );
    const own = await scanJson<BigDocument>([...asNarrow, "--match", "user:*"]);
    assert.equal(own.code, 0, own.stderr);
    await command(redis.port, lineToRun(refused.lastLine));
    assert.equal((await runScanCommand(["scan", ...asNarrow])).code, 0);
  });

  test("says that a renamed command is not offered", async (t) => {
    const renamed = await startRedis(t, { args: ["--rename-command", "MEMORY", ""] });
    await load(renamed.port, 10, (n) => ["SET", `k:${n}`, "v"]);
    const run = await runScanCommand(["scan", "big", "--redis", url(renamed.port)]);
    assert.equal(run.code, 1);
    assert.match(run.lastLine, /the server does not offer MEMORY USAGE/);
  });

  test("prints what it has at Ctrl-C, marked as partial", async () => {
    await command(redis.port, ["CONFIG", "RESETSTAT"]);
    const isUnderWay = async () =>
      String(await command(redis.port, ["INFO", "commandstats"])).includes("cmdstat_memory|usage");
    const run = await scanJson<BigDocument>(args("--budget", "100", "--above", "0B"), {
      onStart: (kill) => void waitFor("a scan under way", isUnderWay).then(() => kill("SIGINT")),
    });
    assert.equal(run.code, 1);
    assert.equal(run.document.partial, true);
    assert.match(run.lastLine, /stopped before its end/);
    assert.ok(run.document.keys.length > 0);
  });
});
