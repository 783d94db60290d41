import assert from "node:assert/strict";
import { test } from "node:test";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { OwnMisses } from "../../../../src/sources/keyspace/own-misses.ts";

const KEY = Buffer.from("gone");

function judge(misses: OwnMisses, key = "gone", db = 0): string {
  const bytes = Buffer.from(`..${key}..`);
  return misses.judge(db, viewOf(bytes), 2, bytes.length - 2);
}

test("a miss before the answer is held, and is the agent's own where the answer says so", () => {
  const misses = new OwnMisses();
  const lookUp = misses.begin(0, KEY);
  assert.equal(judge(misses), "held");
  assert.equal(judge(misses), "others", "a look-up makes one miss");
  assert.equal(misses.answer(lookUp, true, 0), "own");
  assert.ok(misses.isEmpty);
  assert.equal(judge(misses), "others");
});

test("a held miss was somebody else's where the look-up found the key", () => {
  const misses = new OwnMisses();
  const lookUp = misses.begin(0, KEY);
  assert.equal(judge(misses), "held");
  assert.equal(misses.answer(lookUp, false, 0), "others");
  assert.ok(misses.isEmpty);
});

test("the first miss after the answer is the agent's own", () => {
  const misses = new OwnMisses();
  const lookUp = misses.begin(0, KEY);
  assert.equal(misses.answer(lookUp, true, 0), null);
  assert.equal(judge(misses), "own");
  assert.equal(judge(misses), "others");
});

test("misses of other keys and databases are others'", () => {
  const misses = new OwnMisses();
  misses.begin(0, KEY);
  assert.equal(judge(misses, "gone2"), "others");
  assert.equal(judge(misses, "gonf"), "others");
  assert.equal(judge(misses, "gone", 1), "others");
  assert.equal(judge(misses), "held");
});

test("a miss that never comes is given up, so that no later one is taken for it", () => {
  const misses = new OwnMisses();
  misses.answer(misses.begin(0, KEY), true, 1000);
  misses.expire(5000);
  assert.ok(!misses.isEmpty);
  misses.expire(6001);
  assert.ok(misses.isEmpty);
});
