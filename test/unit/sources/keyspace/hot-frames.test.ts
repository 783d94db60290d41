import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { HotFrames, READ_AHEAD_BYTES } from "../../../../src/sources/keyspace/hot-frames.ts";
import { KEYEVENT_PATTERN, keyevent, message } from "../../../support/pubsub-bytes.ts";

/** Hot frames over messages that lie at the start of their memory, as a reader's do with what may be read ahead. */
class Scene {
  readonly keys: string[] = [];
  readonly #hot = new HotFrames({
    event: (db, code, keys, start, end) => {
      const key = Buffer.from(keys.buffer, keys.byteOffset + start, end - start);
      this.keys.push(`${db} ${code} ${key}`);
    },
    unknownEvent: () => assert.fail("the careful reader's"),
    foreign: () => assert.fail("the careful reader's"),
    endOfRead: () => assert.fail("the frame reader's"),
  });

  learn(bytes: Buffer, code: number, db = 0): void {
    const view = this.#laidOut(bytes);
    const channelStart = bytes.indexOf("__key", bytes.indexOf(KEYEVENT_PATTERN) + KEYEVENT_PATTERN.length);
    const channelEnd = bytes.indexOf("\r\n", channelStart);
    this.#hot.learn(view, 0, channelStart, channelEnd, { db, code, unknownName: null });
  }

  /** How far it reads. */
  read(bytes: Buffer): number {
    return this.#hot.read(this.#laidOut(bytes), 0, bytes.length);
  }

  #laidOut(bytes: Buffer): DataView {
    const room = new Uint8Array(bytes.length + READ_AHEAD_BYTES);
    room.set(bytes);
    return viewOf(room);
  }
}

test("what it has learned it reads, and stops before all else", () => {
  const scene = new Scene();
  const [set, del] = [keyevent("set", "a"), keyevent("del", "b")];
  assert.equal(scene.read(set), 0, "it knows no head yet");
  scene.learn(set, 1);
  assert.equal(scene.read(Buffer.concat([set, set, del])), 2 * set.length);
  scene.learn(del, 2);
  assert.equal(scene.read(Buffer.concat([set, del])), set.length + del.length);
  assert.deepEqual(scene.keys, ["0 1 a", "0 1 a", "0 1 a", "0 2 b"]);
});

test("heads that differ in one byte anywhere, and that are as long, are told apart", () => {
  const scene = new Scene();
  const events = ["set", "sat", "get", "bet", "tes"];
  const dbs = [0, 1, 2, 9];
  dbs.forEach((db) => {
    events.forEach((name, i) => {
      scene.learn(keyevent(name, "k", db), 10 * db + i, db);
    });
  });
  const expected: string[] = [];
  dbs.forEach((db) => {
    events.forEach((name, i) => {
      const bytes = keyevent(name, "k", db);
      assert.equal(scene.read(bytes), bytes.length);
      expected.push(`${db} ${10 * db + i} k`);
    });
  });
  assert.deepEqual(scene.keys, expected);
  assert.equal(scene.read(message("__keyevent@0__:set", "k", "__keyevent@?__:*")), 0, "another pattern");
  assert.equal(scene.read(message("__keyevent@0__:set", "k", KEYEVENT_PATTERN, ">")), 0, "a push");
});

test("a head that comes again and again with long keys takes one place: there is room for others", () => {
  const scene = new Scene();
  for (let i = 0; i < 1000; i++) scene.learn(keyevent("set", "x".repeat(1025)), 1);
  for (let db = 0; db < 100; db++) scene.learn(keyevent("del", "k", db), 2, db);
  for (let db = 0; db < 100; db++) {
    const bytes = keyevent("del", "k", db);
    assert.equal(scene.read(bytes), bytes.length, `database ${db}`);
  }
});

test("more heads than there is room for are left to the careful reader, and those before stay known", () => {
  const scene = new Scene();
  for (let db = 0; db < 1000; db++) scene.learn(keyevent("set", "k", db), 1, db);
  const first = keyevent("set", "k", 0);
  assert.equal(scene.read(first), first.length);
  assert.equal(scene.read(keyevent("set", "k", 999)), 0);
});

test("keys of up to 1,024 bytes are its own, longer ones are not", () => {
  for (const length of [0, 1, 9, 10, 99, 100, 999, 1000, 1024]) {
    const scene = new Scene();
    const bytes = keyevent("set", "y".repeat(length));
    scene.learn(bytes, 1);
    assert.equal(scene.read(bytes), bytes.length, String(length));
    assert.equal(scene.read(bytes.subarray(0, -1)), 0, `${length} but for the last byte`);
  }
  const scene = new Scene();
  scene.learn(keyevent("set", "k"), 1);
  for (const length of [1025, 1034, 9999, 10_240]) {
    assert.equal(scene.read(keyevent("set", "y".repeat(length))), 0, String(length));
  }
});
