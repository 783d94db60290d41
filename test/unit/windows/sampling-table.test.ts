import assert from "node:assert/strict";
import { test } from "node:test";
import type { SlotRange } from "../../../src/model/slot.ts";
import { SamplingTable } from "../../../src/windows/sampling-table.ts";

function sampling(probability: number, ranges: readonly SlotRange[] | null = null, watchedShare = 1) {
  return { probability, watchedShare, ranges };
}

test("the thinnest sampling of a slot stands for it, as long as one such part is left", () => {
  const table = new SamplingTable();
  const parts = [sampling(0.5), sampling(1 / 64), sampling(1 / 64)];
  for (const part of parts) table.add(part, 1);
  assert.equal(table.inverseAt(7), 64);
  table.add(sampling(1 / 64), -1);
  assert.equal(table.inverseAt(7), 64);
  table.add(sampling(1 / 64), -1);
  assert.equal(table.inverseAt(7), 2);
  table.add(sampling(0.5), -1);
  assert.equal(table.inverseAt(7), null);
  assert.ok(table.isEmpty());
});

test("how one shard was sampled says nothing of the slots of others", () => {
  const table = new SamplingTable();
  table.add(sampling(1 / 1024, [[0, 99]]), 1);
  table.add(sampling(1, [[50, 199]], 0.5), 1);
  assert.deepEqual([table.inverseAt(0), table.inverseAt(99)], [1024, 1024]);
  assert.deepEqual([table.inverseAt(100), table.inverseAt(200)], [1, null]);
  assert.deepEqual([table.isFullyWatched(49), table.isFullyWatched(50)], [true, false]);
});

test("a probability that is no power of two counts as the next thinner one", () => {
  const table = new SamplingTable();
  table.add(sampling(0.7), 1);
  assert.equal(table.inverseAt(0), 2);
  table.add(sampling(0.3), 1);
  assert.equal(table.inverseAt(0), 4);
});
