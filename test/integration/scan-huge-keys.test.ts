import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startRedis, TestConnection, type TestServer } from "../support/redis.ts";
import { scanJson } from "../support/scan.ts";

const MEMBERS = 1_000_000;
const MEMBERS_AT_ONCE = 10_000;
const CONSUMERS = 100_000;
const SLOW_US = 5000;
/** What is slow by itself is slow each time; where the machine stood still, the next time shows it. */
const ATTEMPTS = 5;

const SCRIPTS: Readonly<Record<string, string>> = {
  hash: "redis.call('hset', 'huge:hash', i, i)",
  set: "redis.call('sadd', 'huge:set', 'member ' .. i)",
  zset: "redis.call('zadd', 'huge:zset', i, i)",
  list: "redis.call('rpush', 'huge:list', i)",
};

describe("keys of a million members in the way of a scan", () => {
  let redis: TestServer;
  let connection: TestConnection;

  before(async () => {
    redis = await startRedis(null, {
      args: ["--maxmemory-policy", "allkeys-lfu", "--slowlog-max-len", "1000"],
    });
    connection = await TestConnection.open(redis.port);
    for (const body of Object.values(SCRIPTS)) await repeat(MEMBERS, body);
    await connection.command(["XADD", "huge:stream", "*", "a", "b"]);
    await connection.command(["XGROUP", "CREATE", "huge:stream", "readers", "0"]);
    await repeat(CONSUMERS, "redis.call('xgroup', 'createconsumer', 'huge:stream', 'readers', 'c' .. i)");
    for (let n = 0; n < 500; n++) await connection.command(["SET", `small:${n}`, n]);
    await connection.command(["CONFIG", "SET", "slowlog-log-slower-than", SLOW_US]);
  });

  after(async () => {
    connection.close();
    await redis.stop();
  });

  /** A million calls in one script would take longer than one is waited for. */
  async function repeat(times: number, body: string): Promise<void> {
    const script = `for i = tonumber(ARGV[1]), tonumber(ARGV[1]) + ${MEMBERS_AT_ONCE} - 1 do ${body} end`;
    for (let first = 0; first < times; first += MEMBERS_AT_ONCE)
      await connection.command(["EVAL", script, 0, first]);
  }

  /** Commands that took longer than 5 ms, since the log was last emptied. */
  async function slowCommands(): Promise<string[]> {
    const entries = (await connection.command(["SLOWLOG", "GET", 100])) as unknown[][];
    return entries.map((entry) => `${(entry[3] as unknown[]).map(String).join(" ")}: ${String(entry[2])} us`);
  }

  test("are seen by the slow log, where somebody measures them whole", async () => {
    await connection.command(["SLOWLOG", "RESET"]);
    await connection.command(["MEMORY", "USAGE", "huge:hash", "SAMPLES", 0]);
    assert.equal((await slowCommands()).length, 1);
  });

  for (const args of [
    ["hot"],
    ["big"],
    ["big", "--samples", "100"],
    ["memory"],
    ["memory", "--sample", "10"],
  ]) {
    test(`make no command of keyheat scan ${args.join(" ")} take 5 ms`, async () => {
      let slow: string[] = [];
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        await connection.command(["SLOWLOG", "RESET"]);
        const { code, document, stderr } = await scanJson<{ servers: { keysSeen: number }[] }>([
          ...args,
          ...["--redis", redis.url],
        ]);
        assert.equal(code, 0, stderr);
        assert.equal(document.servers[0]?.keysSeen, 505);
        slow = await slowCommands();
        if (slow.length === 0) return;
      }
      assert.fail(`each time a command was slow, the last time:\n${slow.join("\n")}`);
    });
  }

  test("are listed, the stream by its length", async () => {
    const { document } = await scanJson<{ keys: { key: string; length: number; bytes: number | null }[] }>([
      ...["big", "--redis", redis.url],
    ]);
    const lengths = new Map(document.keys.map(({ key, length }) => [key, length]));
    for (const type of Object.keys(SCRIPTS)) assert.equal(lengths.get(`huge:${type}`), MEMBERS);
    assert.equal(document.keys.length, 5);
    assert.deepEqual([document.keys[4]?.key, document.keys[4]?.bytes], ["huge:stream", null]);
  });
});
