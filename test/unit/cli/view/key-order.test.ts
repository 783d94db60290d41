import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_KEYS, keysToAsk, type Selection, selectKeys } from "../../../../src/cli/view/key-order.ts";
import { keyRow } from "./scenes.ts";

const KEYS = [
  keyRow({
    label: "Cart:1",
    pattern: "Cart:{n}",
    rank: 1,
    mix: { read: 1, write: 9, miss: 0 },
    ratePerSecond: 10,
    share: null,
  }),
  keyRow({
    label: "user:1",
    pattern: "user:{n}",
    rank: 2,
    mix: { read: 8, write: 0, miss: 3 },
    ratePerSecond: 8,
    share: 0.2,
  }),
  keyRow({
    label: "user:2",
    pattern: "user:{n}",
    rank: 3,
    mix: { read: 5, write: 0, miss: 5 },
    ratePerSecond: 5,
    share: 0.1,
  }),
];

const labels = (fields: Partial<Selection>) =>
  selectKeys(KEYS, { ...ALL_KEYS, ...fields }).map(({ label }) => label);

test("keys are ranked by what was asked for, either way round", () => {
  assert.deepEqual(labels({}), ["Cart:1", "user:1", "user:2"]);
  assert.deepEqual(labels({ sort: "read" }), ["user:1", "user:2", "Cart:1"]);
  assert.deepEqual(labels({ sort: "miss" }), ["user:2", "user:1", "Cart:1"]);
  assert.deepEqual(labels({ isReversed: true }), ["user:2", "user:1", "Cart:1"]);
});

test("a share that is not known comes last, and equals stay in the order of their heat", () => {
  assert.deepEqual(labels({ sort: "share" }), ["user:1", "user:2", "Cart:1"]);
  assert.deepEqual(labels({ sort: "share", isReversed: true }), ["user:2", "user:1", "Cart:1"]);
  assert.deepEqual(labels({ sort: "write" }), ["Cart:1", "user:1", "user:2"]);
});

test("a filter looks into key and pattern, whatever the case, before keys are counted", () => {
  assert.deepEqual(labels({ filter: "cart" }), ["Cart:1"]);
  assert.deepEqual(labels({ filter: "USER:{N}" }), ["user:1", "user:2"]);
  assert.deepEqual(labels({ filter: "user", keysMax: 1 }), ["user:1"]);
  assert.deepEqual(labels({ filter: "none" }), []);
});

test("as many keys are asked for as are shown, and all there are where the hottest need not be the wanted ones", () => {
  assert.equal(keysToAsk(ALL_KEYS), 50);
  assert.equal(keysToAsk({ ...ALL_KEYS, filter: "a" }), 1000);
  assert.equal(keysToAsk({ ...ALL_KEYS, sort: "write" }), 1000);
  assert.equal(keysToAsk({ ...ALL_KEYS, isReversed: true }), 1000);
});
