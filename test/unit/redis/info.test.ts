import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { countWriteCalls } from "../../../src/redis/commands.ts";
import {
  cpuSecondsOf,
  infoNumber,
  isAtLeast,
  keyspaceReadsOf,
  parseCommandCalls,
  parseInfo,
  productOf,
} from "../../../src/redis/info.ts";
import fc from "../../support/fast-check.ts";

const SERVERS = ["redis-7.0.15", "redis-8.6.3", "valkey-9.1.2"];

/** The text of a recorded bulk reply: its first line is the length. */
function recorded(server: string, section: string): string {
  const reply = readFileSync(
    new URL(`../../fixtures/info/${server}/${section}.resp2`, import.meta.url),
    "latin1",
  );
  return reply.slice(reply.indexOf("\r\n") + 2);
}

describe("INFO", () => {
  it("tells Redis from Valkey, which names a Redis version as well", () => {
    assert.deepEqual(productOf(parseInfo(recorded("redis-7.0.15", "server"))), {
      flavor: "redis",
      version: "7.0.15",
    });
    assert.deepEqual(productOf(parseInfo(recorded("redis-8.6.3", "server"))), {
      flavor: "redis",
      version: "8.6.3",
    });
    assert.deepEqual(productOf(parseInfo(recorded("valkey-9.1.2", "server"))), {
      flavor: "valkey",
      version: "9.1.2",
    });
    assert.deepEqual(productOf(parseInfo("")), { flavor: "redis", version: "unknown" });
  });

  for (const server of SERVERS) {
    it(`gives the reads and the run id of ${server}`, () => {
      const stats = parseInfo(recorded(server, "stats"));
      // The fixed mix of the recording read 1,269 keys that were there and 200 that were not.
      assert.equal(keyspaceReadsOf(stats), 1469);
      assert.match(parseInfo(recorded(server, "server")).get("run_id") ?? "", /^[0-9a-f]{40}$/);
    });

    it(`gives the calls by command and subcommand of ${server}`, () => {
      const calls = parseCommandCalls(recorded(server, "commandstats"));
      assert.equal(calls.get("get"), 1208);
      assert.equal(calls.get("object|encoding"), 1);
      assert.equal(calls.get("xgroup|create"), 1);
      // set, incr, hset, lpush, xgroup create, blpop: refused calls are not among them, failed ones are.
      assert.equal(countWriteCalls(calls), 101 + 8 + 50 + 1 + 1 + 1);
    });
  }

  it("takes names of modules' commands and of old containers in lower case", () => {
    const text =
      "# Commandstats\r\ncmdstat_JSON.SET:calls=3,usec=1\r\ncmdstat_xgroup:calls=2,usec=9,usec_per_call=4.50\r\n";
    const calls = parseCommandCalls(text);
    assert.deepEqual(
      [...calls],
      [
        ["json.set", 3],
        ["xgroup", 2],
      ],
    );
    assert.equal(countWriteCalls(calls), 5);
  });

  it("prefers the CPU time of the main thread", () => {
    const whole = "used_cpu_sys:1.5\r\nused_cpu_user:2.5\r\n";
    assert.equal(cpuSecondsOf(parseInfo(whole)), 4);
    const main = "used_cpu_sys_main_thread:0.25\r\nused_cpu_user_main_thread:0.5\r\n";
    assert.equal(cpuSecondsOf(parseInfo(whole + main)), 0.75);
    assert.equal(cpuSecondsOf(parseInfo("")), null);
  });

  it("keeps colons in values and says null for what is no number", () => {
    const info = parseInfo("# Server\r\nexecutable:/a:b\r\nempty:\r\nword:x\r\nn:12\r\n");
    assert.equal(info.get("executable"), "/a:b");
    assert.deepEqual(
      ["empty", "word", "n", "gone"].map((name) => infoNumber(info, name)),
      [null, null, 12, null],
    );
  });

  it("never throws, whatever the server says", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        parseInfo(text);
        parseCommandCalls(`cmdstat_${text}\n${text}`);
      }),
    );
  });

  it("compares versions by number, not by text", () => {
    assert.equal(isAtLeast("7.10.0", 7, 2), true);
    assert.equal(isAtLeast("7.0.15", 7, 2), false);
    assert.equal(isAtLeast("10.0", 7, 2), true);
    assert.equal(isAtLeast("unknown", 7, 2), false);
  });
});
