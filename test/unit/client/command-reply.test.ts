import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countError, countReply, isServerError } from "../../../src/client/command-reply.ts";
import type { Argument } from "../../../src/redis/command-keys.ts";
import fc from "../../support/fast-check.ts";
import { type RecordedAccess, RecordingObserver } from "../../support/recorded-accesses.ts";

const PLACE = { target: "127.0.0.1:6379", db: 2 };

function counted(name: string, args: readonly Argument[], reply: unknown): readonly RecordedAccess[] {
  const observer = new RecordingObserver();
  countReply(observer, PLACE, name, args, reply);
  return observer.accesses;
}

function brief(accesses: readonly RecordedAccess[]): string[] {
  return accesses.map(({ key, kind, isMiss }) => `${key} ${kind}${isMiss ? " miss" : ""}`);
}

describe("a reply", () => {
  it("counts a command's one key, with its place, its name and its bytes", () => {
    assert.deepEqual(counted("GET", ["key"], Buffer.from("value")), [
      { ...PLACE, key: "key", kind: "read", isMiss: false, command: "get", bytes: 8 },
    ]);
    assert.deepEqual(counted("xinfo", ["STREAM", "x"], []), [
      { ...PLACE, key: "x", kind: "read", isMiss: false, command: "xinfo|stream", bytes: 7 },
    ]);
  });

  it("is a miss where it is nil, but only of a read", () => {
    assert.deepEqual(brief(counted("get", ["k"], null)), ["k read miss"]);
    assert.deepEqual(brief(counted("get", ["k"], undefined)), ["k read miss"]);
    assert.deepEqual(brief(counted("get", ["k"], "")), ["k read"]);
    assert.deepEqual(brief(counted("exists", ["k"], 0)), ["k read"]);
    assert.deepEqual(brief(counted("lpop", ["k"], null)), ["k write"]);
    assert.deepEqual(brief(counted("set", ["k", "v", "NX"], null)), ["k write"]);
  });

  it("is no miss where nil says nothing of the key: XREAD without news, scripts", () => {
    assert.deepEqual(brief(counted("xread", ["STREAMS", "x", "$"], null)), ["x read"]);
    assert.deepEqual(brief(counted("eval_ro", ["return false", "1", "k"], null)), ["k read"]);
  });

  it("tells hits, misses and bytes of MGET by key", () => {
    const accesses = counted("mget", ["a", "b", "a"], [Buffer.from("12345"), null, "67"]);
    assert.deepEqual(brief(accesses), ["a read", "b read miss", "a read"]);
    assert.deepEqual(
      accesses.map(({ bytes }) => bytes),
      [6, 1, 3],
    );
    // A reply in another shape, as after a driver's transformation, still counts.
    assert.deepEqual(brief(counted("mget", ["a", "b"], { a: 1 })), ["a read", "b read"]);
    assert.deepEqual(brief(counted("mget", ["a", "b"], ["1"])), ["a read", "b read miss"]);
  });

  it("counts sources as reads and destinations as writes, and shares the bytes over them", () => {
    const accesses = counted("SINTERSTORE", ["dest", "s1", "s2"], 3);
    assert.deepEqual(brief(accesses), ["dest write", "s1 read", "s2 read"]);
    assert.deepEqual(
      accesses.map(({ bytes }) => bytes),
      [2, 3, 3],
    );
  });

  it("counts no keys of commands that have none, and of those that are unknown", () => {
    assert.deepEqual(counted("ping", [], "PONG"), []);
    assert.deepEqual(counted("publish", ["channel", "text"], 1), []);
    assert.deepEqual(counted("nosuchcommand", ["k"], "OK"), []);
    assert.deepEqual(counted("get", [], "v"), []);
  });

  it("adds up the bytes of lists, also within lists, and estimates those of long ones", () => {
    const [short] = counted("zrange", ["z", "0", "-1"], [["ab", Buffer.from("1")], "cde", 5, null]);
    assert.equal(short?.bytes, 4 + 6);
    const long = Array.from({ length: 100_000 }, () => "0123456789");
    assert.equal(counted("lrange", ["l", "0", "-1"], long)[0]?.bytes, 1_000_004);
    assert.equal(
      counted("hgetall", ["h"], { field: "value", other: Buffer.from("v") })[0]?.bytes,
      1 + 10 + 6,
    );
    assert.equal(counted("hgetall", ["h"], new Map([["field", ["value"]]]))[0]?.bytes, 1 + 10);
    const pairs = Array.from({ length: 100_000 }, () => ["0123", "456789"]);
    const estimate = counted("zrange", ["l", "0", "-1"], pairs)[0]?.bytes ?? 0;
    assert.ok(Math.abs(estimate - 1_000_004) < 10_000, String(estimate));
    assert.equal(counted("get", ["é"], "🔥")[0]?.bytes, 2 + 4);
  });

  it("shares out whole numbers that add up, whatever the command", () => {
    const word = fc.oneof(fc.string(), fc.uint8Array(), fc.constantFrom("1", "2", "STREAMS", "STORE"));
    const name = fc.constantFrom(
      "mset",
      "mget",
      "del",
      "sinterstore",
      "eval",
      "xread",
      "zunionstore",
      "sort",
    );
    fc.assert(
      fc.property(name, fc.array(word, { maxLength: 12 }), fc.anything(), (name, args, reply) => {
        const accesses = counted(name, args, reply);
        for (const { bytes } of accesses) assert.ok(Number.isInteger(bytes) && bytes >= 0);
        if (accesses.length === 0 || typeof reply !== "string") return;
        const words = args.reduce((sum, arg) => sum + Buffer.from(arg as string).length, 0);
        const total = accesses.reduce((sum, { bytes }) => sum + bytes, 0);
        assert.equal(total, words + Buffer.byteLength(reply));
      }),
    );
  });
});

describe("an error", () => {
  const countedOf = (message: string, name = "lpush", args = ["k", "v"]) => {
    const observer = new RecordingObserver();
    countError(observer, PLACE, name, args, new Error(message));
    return brief(observer.accesses);
  };

  it("counts where the server had begun to run the command", () => {
    const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    assert.deepEqual(countedOf(WRONG_TYPE), ["k write"]);
    assert.deepEqual(countedOf(WRONG_TYPE, "get", ["k"]), ["k read"]);
    for (const message of [
      "ERR value is not an integer or out of range",
      "ERR Error running script",
      "BUSYKEY Target key name already exists.",
      "BUSYGROUP Consumer Group name already exists",
      "NOGROUP No such key",
      "UNBLOCKED client unblocked via CLIENT UNBLOCK",
    ])
      assert.deepEqual(countedOf(message), ["k write"], message);
  });

  it("does not count where the command was kept from running", () => {
    for (const message of [
      "MOVED 15495 127.0.0.1:7000",
      "ASK 15495 127.0.0.1:7000",
      "TRYAGAIN Multiple keys request during rehashing of slot",
      "CLUSTERDOWN Hash slot not served",
      "CROSSSLOT Keys in request don't hash to the same slot",
      "NOSCRIPT No matching script. Please use EVAL.",
      "NOAUTH Authentication required.",
      "NOPERM this user has no permissions to run the 'get' command",
      "READONLY You can't write against a read only replica.",
      "LOADING Redis is loading the dataset in memory",
      "BUSY Redis is busy running a script.",
      "OOM command not allowed when used memory > 'maxmemory'.",
      "MASTERDOWN Link with MASTER is down",
      "MISCONF Redis is configured to save RDB snapshots",
      "NOREPLICAS Not enough good replicas to write.",
      "EXECABORT Transaction discarded because of previous errors.",
      "DENIED Redis is running in protected mode",
      "ERR unknown command 'LPUSHH', with args beginning with: 'k'",
      "ERR wrong number of arguments for 'lpush' command",
      "ERR unknown subcommand 'X'. Try OBJECT HELP.",
      "ERR Unknown subcommand or wrong number of arguments for 'x'",
    ])
      assert.deepEqual(countedOf(message), [], message);
  });

  it("does not count where it is the client's own", () => {
    for (const message of [
      "Connection is closed.",
      "Command timed out",
      "read ECONNRESET",
      "Socket closed unexpectedly",
      "",
    ]) {
      assert.deepEqual(countedOf(message), [], message);
      assert.equal(isServerError(new Error(message)), false);
    }
    for (const thrown of [null, undefined, "ERR as text", {}]) assert.equal(isServerError(thrown), false);
  });

  it("is the server's own where the driver says so, whatever a script has made of its message", () => {
    const error = Object.assign(new Error("my own words"), { name: "ReplyError" });
    assert.equal(isServerError(error), true);
  });
});
