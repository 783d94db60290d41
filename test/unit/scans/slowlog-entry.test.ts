import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { slowEntriesOf } from "../../../src/scans/slow/slowlog-entry.ts";

/** An entry as the server gives it: it keeps 32 words, and 128 bytes of each. */
function logged(...words: readonly string[]): unknown {
  const kept =
    words.length <= 32 ? words : [...words.slice(0, 31), `... (${words.length - 31} more arguments)`];
  const cut = kept.map((word, index) => {
    const isCut = word.length > 128 && !(words.length > 32 && index === 31);
    return Buffer.from(isCut ? `${word.slice(0, 128)}... (${word.length - 128} more bytes)` : word);
  });
  return [7, 1_700_000_000, 12_345, cut, Buffer.from("127.0.0.1:5000"), Buffer.from("")];
}

function keysOf(...words: readonly string[]): readonly string[] {
  const [entry] = slowEntriesOf([logged(...words)]);
  return entry?.keys.map(({ head }) => head.toString()) ?? [];
}

const many = (count: number, name: string) => Array.from({ length: count }, (_, n) => `${name}${n}`);

describe("an entry of the slow log", () => {
  test("has when, how long and what, in ms", () => {
    const [entry] = slowEntriesOf([logged("HGETALL", "user:1")]);
    assert.deepEqual(entry, {
      id: 7,
      atMs: 1_700_000_000_000,
      tookMs: 12.345,
      command: "hgetall",
      keys: [{ head: Buffer.from("user:1"), length: 6 }],
    });
  });

  test("has its keys where the command has them", () => {
    assert.deepEqual(keysOf("SET", "k", "v"), ["k"]);
    assert.deepEqual(keysOf("MSET", "a", "1", "b", "2"), ["a", "b"]);
    assert.deepEqual(keysOf("EVAL", "return 1", "2", "a", "b", "arg"), ["a", "b"]);
    assert.deepEqual(keysOf("ZUNIONSTORE", "to", "2", "a", "b"), ["to", "a", "b"]);
    assert.deepEqual(keysOf("XREAD", "COUNT", "5", "STREAMS", "s1", "s2", "0", "0"), ["s1", "s2"]);
    assert.deepEqual(keysOf("MEMORY", "USAGE", "k"), ["k"]);
    assert.deepEqual(keysOf("OBJECT", "FREQ", "k"), ["k"]);
  });

  test("counts a key once, however often it is named", () => {
    assert.deepEqual(keysOf("MGET", "a", "b", "a"), ["a", "b"]);
  });

  test("has no keys where the command has none, and keeps no other word", () => {
    const [entry] = slowEntriesOf([logged("KEYS", "secret:*")]);
    assert.equal(entry?.command, "keys");
    assert.deepEqual(entry?.keys, []);
    assert.ok(
      !JSON.stringify(slowEntriesOf([logged("CONFIG", "SET", "requirepass", "hunter2")])).includes("hunter2"),
    );
    assert.ok(!JSON.stringify(slowEntriesOf([logged("SET", "k", "hunter2")])).includes("hunter2"));
  });

  test("tells a key that the log has cut by its beginning and its length", () => {
    const long = "x".repeat(300);
    const [entry] = slowEntriesOf([logged("GET", long)]);
    assert.deepEqual(entry?.keys, [{ head: Buffer.from("x".repeat(128)), length: 300 }]);
  });

  test("takes a short key that ends like a cut one for what it is", () => {
    const odd = "key... (12 more bytes)";
    const [entry] = slowEntriesOf([logged("GET", odd)]);
    assert.deepEqual(entry?.keys, [{ head: Buffer.from(odd), length: odd.length }]);
  });

  test("has the keys that are there where the log left out words", () => {
    assert.deepEqual(keysOf("MGET", ...many(100, "k")), many(30, "k"));
    assert.deepEqual(keysOf("MSET", ...many(50, "k").flatMap((key) => [key, "v"])), many(15, "k"));
  });

  test("has all keys that are there where their places are counted from the end", () => {
    assert.deepEqual(keysOf("BLPOP", ...many(60, "list"), "0"), many(30, "list"));
    assert.deepEqual(keysOf("BLPOP", "a", "b", "5"), ["a", "b"]);
    assert.deepEqual(
      keysOf("XREAD", "STREAMS", ...many(40, "s"), ...Array.from({ length: 40 }, () => "$")),
      many(29, "s"),
    );
  });

  test("has the keys that are there where thousands of words were left out", () => {
    assert.deepEqual(keysOf("ZUNIONSTORE", "to", "20000", ...many(20_000, "k")), ["to", ...many(28, "k")]);
    assert.deepEqual(keysOf("EVAL", "return 1", "30000", ...many(30_000, "k"), "arg"), many(28, "k"));
  });

  test("is left out where it is of the client that asks", () => {
    const reply = [logged("INFO"), logged("GET", "k")];
    assert.deepEqual(slowEntriesOf(reply, "127.0.0.1:5000"), []);
    assert.equal(slowEntriesOf(reply, "127.0.0.1:5001").length, 2);
    assert.equal(slowEntriesOf(reply, null).length, 2);
  });

  test("takes binary keys as they are", () => {
    const key = Buffer.from([0xff, 0x00, 0x0a]);
    const [entry] = slowEntriesOf([[1, 1, 1, [Buffer.from("get"), key], Buffer.from(""), Buffer.from("")]]);
    assert.deepEqual(entry?.keys, [{ head: key, length: 3 }]);
  });

  test("is left out where its time is none", () => {
    const at = (seconds: number) => [1, seconds, 5, [Buffer.from("get"), Buffer.from("k")]];
    assert.deepEqual(slowEntriesOf([at(2 ** 62), at(-(2 ** 62)), at(8.64e12 + 1)]), []);
    const [entry] = slowEntriesOf([at(8.64e12)]);
    assert.equal(new Date(entry?.atMs ?? 0).toISOString(), "+275760-09-13T00:00:00.000Z");
  });

  test("is left out where it is none", () => {
    assert.deepEqual(slowEntriesOf(null), []);
    assert.deepEqual(
      slowEntriesOf([null, 5, [], [1, 2, 3], [1, 2, 3, "x"], ["a", "b", "c", []], [1, 2, 3, []]]),
      [],
    );
  });
});
