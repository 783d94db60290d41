import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CooledKeys } from "../../../../src/client/mitigation/cooled-keys.ts";
import { OwnCommands } from "../../../../src/client/mitigation/own-commands.ts";

const NOT_UTF8 = Buffer.from([0xff, 0x00]);

/** A client in database 2 that has read all of `leased` from there; `dropped` grows by each key that is written. */
function setUp(leased: readonly (string | Buffer)[] = ["a", "b"], { prefix = "", selectedDb = 2 } = {}) {
  const dropped: string[] = [];
  const keys = new CooledKeys(
    Buffer.from(prefix),
    () => false,
    ({ key }) => dropped.push(key.toString("latin1")),
  );
  for (const key of leased) keys.lease(key);
  settle(keys);
  return { dropped, keys, commands: new OwnCommands(keys, 2, selectedDb) };
}

function settle(keys: CooledKeys): void {
  for (const key of keys.all()) key.settle(key.version);
}

function unsettled(keys: CooledKeys): string[] {
  return keys
    .all()
    .filter(({ isSettled }) => !isSettled)
    .map(({ fullKey }) => fullKey.toString());
}

describe("a command that the client sends", () => {
  test("writes the keys that it may change, and no others", () => {
    for (const [words, written] of [
      ["get a", []],
      ["mget a b", []],
      ["set a 1", ["a"]],
      ["SET a 1", ["a"]],
      ["Set a b", ["a"]],
      ["set c a", []],
      ["mset c 1 b 2 a b", ["b", "a"]],
      ["copy a b", ["b"]],
      ["sunionstore a b", ["a"]],
      ["evalsha 0f 2 b c a", ["b"]],
      ["eval_ro return 1 a", []],
      ["sort b by a store a", ["a"]],
      ["bitfield a get u8 0", []],
      ["bitfield a set u8 0 1", ["a"]],
      ["expire a 1", ["a"]],
      ["ping a b", ["a", "b"]],
      ["brandnew x b", ["b"]],
      ["flushall", ["a", "b"]],
      ["FLUSHDB async", ["a", "b"]],
      ["swapdb 2 3", ["a", "b"]],
      ["watch b c", ["b"]],
      ["set", []],
      ["", []],
    ] as const) {
      const { keys, commands, dropped } = setUp();
      const [name = "", ...args] = words.split(" ");
      const answered = commands.sending(name, args);
      assert.deepEqual([dropped, unsettled(keys)], [written, [...written].sort()], words);
      assert.equal(answered === null, written.length === 0, words);
      assert.equal(commands.mayAnswer, true);
    }
  });

  test("of more words than are looked at writes all keys, if nobody knows the command", () => {
    const { dropped, commands } = setUp();
    commands.sending("brandnew", Array(1001).fill("x"));
    assert.deepEqual(dropped, ["a", "b"]);
  });

  test("writes them again when it was answered, whatever was read meanwhile", () => {
    const { keys, commands, dropped } = setUp();
    const answered = commands.sending("set", ["a", "1"]);
    settle(keys);
    answered?.();
    assert.deepEqual([dropped, unsettled(keys)], [["a", "a"], ["a"]]);
  });

  test("names keys as bytes or text, with the client's prefix", () => {
    const { keys, commands, dropped } = setUp(["p:é", "é", Buffer.from("p:\ud800"), "p:"], { prefix: "p:" });
    assert.deepEqual(
      keys.all().map(({ key }) => key),
      ["é", "\ufffd"],
    );
    commands.sending("set", [Buffer.from("p:é"), "1"]);
    commands.sending("set", ["p:\ud800", "1"]);
    commands.sending("set", ["é", "1"]);
    assert.equal(dropped.length, 2);
    const binary = setUp([NOT_UTF8]);
    binary.commands.sending("set", [NOT_UTF8, "1"]);
    assert.deepEqual(binary.dropped, [NOT_UTF8.toString("latin1")]);
    assert.equal(binary.keys.find(NOT_UTF8)?.isSettled, false);
  });
});

describe("a transaction", () => {
  for (const end of ["exec", "EXEC"]) {
    test(`answers nothing until its ${end}, and writes its keys once more with that`, () => {
      const { keys, commands, dropped } = setUp();
      assert.equal(commands.sending("multi", []), null);
      assert.equal(commands.mayAnswer, false);
      commands.sending("set", ["a", "1"])?.();
      settle(keys);
      const answered = commands.sending(end, []);
      assert.equal(commands.mayAnswer, true);
      answered?.();
      assert.deepEqual([dropped, unsettled(keys)], [["a", "a", "a"], ["a"]]);
    });
  }

  test("ends with DISCARD, with RESET, and with its connection, and those write nothing", () => {
    for (const end of ["discard", "reset", null]) {
      const { commands, dropped } = setUp();
      commands.sending("multi", []);
      commands.sending("flushall", []);
      if (end === null) commands.connectionLost();
      else assert.equal(commands.sending(end, []), null);
      assert.equal(commands.mayAnswer, end !== "reset");
      assert.equal(commands.sending("exec", []), null);
      assert.deepEqual(dropped, ["a", "b"]);
    }
  });
});

describe("another database", () => {
  test("is answered for by nobody, until the client is back", () => {
    const { commands } = setUp();
    for (const [db, mayAnswer] of [
      ["3", false],
      [Buffer.from("2"), true],
      ["0", false],
      ["x", false],
      ["2", true],
    ] as const) {
      commands.sending("select", [db]);
      assert.equal(commands.mayAnswer, mayAnswer);
    }
    assert.equal(setUp([], { selectedDb: 0 }).commands.mayAnswer, false);
  });
});

describe("a leased key", () => {
  test("is settled by a read that was sent after its last write, and by no other", () => {
    const { keys } = setUp(["a"]);
    const key = keys.find("a");
    assert.ok(key);
    keys.written(key);
    const early = key.version;
    keys.written(key);
    const late = key.version;
    key.settle(early);
    assert.equal(key.isSettled, false);
    key.settle(late);
    key.settle(early);
    assert.equal(key.isSettled, true);
  });

  test("is forgotten with its lease, and unsettled with the next one", () => {
    const { keys, dropped } = setUp(["a"]);
    keys.lease("a");
    assert.equal(keys.find("a")?.isSettled, true);
    keys.release("a");
    keys.release("a");
    assert.deepEqual([keys.find("a"), dropped], [undefined, ["a"]]);
    keys.lease("a");
    assert.equal(keys.find("a")?.isSettled, false);
  });
});
