import assert from "node:assert/strict";
import { test } from "node:test";
import { SlotHistory } from "../../../src/windows/slot-history.ts";

test("a window that reaches back over a migration still finds the slots of before", () => {
  const history = new SlotHistory([[0, 99]]);
  assert.equal(history.set([[0, 99]], 5000), false);
  assert.equal(history.set([[0, 49]], 6000), true);
  assert.deepEqual(history.since(6000), [[0, 49]]);
  assert.deepEqual(history.since(5999), [
    [0, 49],
    [0, 99],
  ]);
  history.prune(6000);
  assert.deepEqual(history.since(0), [[0, 49]]);
});

test("a target that was outside Cluster mode lately may have held any key", () => {
  const history = new SlotHistory(null);
  history.set([[0, 49]], 6000);
  assert.equal(history.since(5000), null);
});

test("a reshard slot by slot ends in covering everything for a while, not in a long list", () => {
  const history = new SlotHistory([[0, 999]]);
  for (let last = 998; last > 900; last--) history.set([[0, last]], 6000);
  assert.equal(history.since(5000), null);
  assert.deepEqual(history.since(6000), [[0, 901]]);
});
