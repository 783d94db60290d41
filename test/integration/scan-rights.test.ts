import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { command, startRedis, type TestServer } from "../support/redis.ts";
import { scanJson } from "../support/scan.ts";

const PAGE = readFileSync(new URL("../../docs/redis-permissions.md", import.meta.url), "utf8");

const SCANS: readonly (readonly string[])[] = [
  ["hot"],
  ["big", "--above", "1B"],
  ["memory"],
  ["slow"],
  ["balance", "--seconds", "1"],
  ["events", "--seconds", "1"],
  ["monitor", "--seconds", "1", "--yes"],
];

describe("the user of the page of permissions", () => {
  let redis: TestServer;

  before(async () => {
    const flags = ["--notify-keyspace-events", "KEAm"];
    redis = await startRedis(null, { args: ["--maxmemory-policy", "allkeys-lfu", ...flags] });
    for (const db of [0, 2]) {
      const script =
        "redis.call('select', ARGV[1]) redis.call('set', 's', 'v') redis.call('rpush', 'l', 'v') redis.call('sadd', 'u', 'v') redis.call('zadd', 'z', 1, 'v') redis.call('hset', 'h', 'f', 'v') redis.call('xadd', 'x', '*', 'f', 'v')";
      await command(redis.port, ["EVAL", script, 0, db]);
    }
    const [line = ""] = /^ACL SETUSER looker .*$/m.exec(PAGE) ?? [];
    await command(redis.port, line.replace("PASSWORD", "pw").split(" "));
  });

  after(() => redis.stop());

  for (const scan of SCANS) {
    test(`may do all of keyheat scan ${scan[0]}`, async () => {
      await command(redis.port, ["ACL", "LOG", "RESET"]);
      const { code, document, stderr } = await scanJson<{ partial: boolean }>([
        ...[...scan, "--redis", `redis://looker:pw@127.0.0.1:${redis.port}`],
      ]);
      assert.equal(code, 0, stderr);
      assert.equal(document.partial, false);
      const refused = (await command(redis.port, ["ACL", "LOG"])) as unknown[][];
      assert.deepEqual(
        refused.map((entry) => String(entry[7])),
        [],
      );
    });
  }
});
