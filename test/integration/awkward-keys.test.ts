import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HotKey, startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, TestConnection, waitFor } from "../support/redis.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];

function shown(key: Buffer): Pick<HotKey, "key" | "keyEncoding" | "cut"> {
  const cut = key.length > 1024;
  const bytes = cut ? key.subarray(0, 1024) : key;
  const isText = Buffer.from(bytes.toString("utf8")).equals(bytes);
  return isText
    ? { key: bytes.toString("utf8"), keyEncoding: "utf8", cut }
    : { key: bytes.toString("base64"), keyEncoding: "base64", cut };
}

function filled(length: number, last: string): Buffer {
  const key = Buffer.alloc(length, "n");
  key.write(last, length - 1);
  return key;
}

const AWKWARD: readonly (readonly [what: string, key: Buffer])[] = [
  ["the empty key", Buffer.alloc(0)],
  ["a space", Buffer.from(" ")],
  ["spaces inside", Buffer.from("a key with spaces ")],
  ["the same with one space less", Buffer.from("a key with spaces")],
  ["newlines", Buffer.from("line\r\nline\n")],
  ["a frame of the protocol", Buffer.from("*4\r\n$8\r\npmessage\r\n")],
  ["a channel's name", Buffer.from("__keyevent@0__:set")],
  ["NUL", Buffer.from([0])],
  ["two NULs", Buffer.from([0, 0])],
  ["\\xff", Buffer.from([0xff])],
  ["\\xff and text", Buffer.from([0x61, 0xff, 0x62])],
  ["the text of the base64 of \\xff", Buffer.from("/w==")],
  ["an emoji", Buffer.from("🔥")],
  ["half an emoji", Buffer.from("🔥").subarray(0, 2)],
  ["a byte order mark", Buffer.from("\ufeffk")],
  ["the same without it", Buffer.from("k")],
  ["right to left", Buffer.from("\u202eabc")],
  ["quotes", Buffer.from(`"\\'`)],
  ["__proto__", Buffer.from("__proto__")],
  ["constructor", Buffer.from("constructor")],
  ["toString", Buffer.from("toString")],
  ["1 KiB", filled(1024, "a")],
  ["1 KiB with another last byte", filled(1024, "b")],
  ["1 KiB and a byte", filled(1025, "a")],
  ["32 KiB", filled(32 * 1024, "a")],
  ["100 KiB", filled(100 * 1024, "a")],
  ["100 KiB with another last byte", filled(100 * 1024, "b")],
];

/** Fewer, and the commands are not kept. */
const COUNT_MIN = 10;

/** In a form in which rows can be compared and sorted. */
function lines(rows: readonly (Pick<HotKey, "key" | "keyEncoding" | "cut"> & { readonly n: number })[]) {
  return rows.map(({ key, keyEncoding, cut, n }) => JSON.stringify({ n, keyEncoding, cut, key })).sort();
}

function counted(rows: readonly HotKey[]) {
  return rows.map(({ key, keyEncoding, cut, count }) => ({ key, keyEncoding, cut, n: count.lower }));
}

for (const patterns of [[], ["*"]]) {
  const way = patterns.length === 0 ? "by the payload" : "by the channel, with patterns";
  describe(`keys heard ${way}`, { concurrency: 2 }, () => {
    const file = { sources: { keyspace: { patterns } } };

    it("are counted apart and shown right, however awkward", async (t) => {
      const server = await startRedis(t, { args: EVENTS_ON });
      const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
      await keyheat.ready();
      await keyheat.watches();
      // Each key another number of times, so that none can stand for another.
      const touches = AWKWARD.map(([, key], index) => ({ key, n: COUNT_MIN + index }));
      const sent = touches.reduce((sum, { n }) => sum + n, 0);
      // One after the other: megabytes at once can be more than a busy machine reads in time, and then it samples.
      for (const { key, n } of touches) {
        // All touches of a key in one pane: of the fewer in each of two the commands might not be kept.
        await waitFor("a pane with time left", () => Date.now() % 1000 < 500);
        await load(server.port, n, () => ["SET", key, "v"]);
      }
      const expected = lines(touches.map(({ key, n }) => ({ ...shown(key), n })));
      const { keys } = await waitFor("all touches", async () => {
        const hotkeys = await keyheat.hotkeys();
        const total = hotkeys.keys.reduce((sum, { count }) => sum + count.lower, 0);
        if (total < sent) throw new Error(`${total} of ${sent}`);
        return hotkeys;
      });
      assert.deepEqual(lines(counted(keys)), expected);
      for (const { key, count, commands } of keys) {
        assert.equal(count.upper, count.lower, key);
        assert.deepEqual(commands, { set: count.lower });
      }
    });

    it("are counted apart by database", async (t) => {
      const server = await startRedis(t, { args: EVENTS_ON });
      const keyheat = await startKeyheat(t, { redisUrls: [server.url], file });
      await keyheat.ready();
      await keyheat.watches();
      const databases = [0, 1, 9, 15];
      using connection = await TestConnection.open(server.port);
      for (const db of databases) {
        await connection.command(["SELECT", db]);
        for (let i = 0; i < 10 + db; i++) await connection.command(["INCR", "k"]);
      }
      const rows = await waitFor("a row a database", async () => {
        const { keys } = await keyheat.hotkeys();
        return (
          keys.length === databases.length && keys.every(({ db, count }) => count.lower === 10 + db) && keys
        );
      });
      assert.deepEqual(
        new Set(rows.map(({ db, key }) => `${db} ${key}`)),
        new Set(databases.map((db) => `${db} k`)),
      );
      for (const { db, count } of rows) assert.equal(count.upper, 10 + db);
    });
  });
}

describe("events that anybody may publish", () => {
  it("harm nothing, whatever their names are", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const keyheat = await startKeyheat(t, { redisUrls: [server.url] });
    await keyheat.ready();
    await keyheat.watches();
    const channels = [
      ...["__proto__", "constructor", "toString", "", " ", "unknown", "expire?", "é\n", "x".repeat(300)].map(
        (name) => `__keyevent@0__:${name}`,
      ),
      "__keyevent@__:set",
      "__keyevent@99999999999999999999__:set",
      "__keyevent@-1__:set",
    ];
    for (const channel of channels) {
      for (let i = 0; i < 2; i++) await command(server.port, ["PUBLISH", channel, "made-up"]);
    }
    await load(server.port, 50, () => ["SET", "real", "v"]);
    const { count } = await keyheat.counts("real", 50);
    assert.equal(count.upper, 50);
    const madeUp = await keyheat.hotkey("made-up");
    assert.equal(madeUp?.count.lower ?? 0, 0, "nobody knows whether such an event is an access");
    const { status, text } = await keyheat.get("/metrics");
    assert.equal(status, 200);
    const events = text.split("\n").filter((line) => line.startsWith("keyheat_events"));
    for (const name of ["constructor", "__proto__", "toString"]) {
      assert.match(events.find((line) => line.includes(`event="${name}"`)) ?? "", /\} 2\b/, name);
    }
    assert.equal((await keyheat.source())?.gaps, 0);
  });
});
