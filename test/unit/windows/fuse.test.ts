import assert from "node:assert/strict";
import { test } from "node:test";
import { fuse } from "../../../src/windows/fuse.ts";
import type { VantageView } from "../../../src/windows/reading.ts";
import { kindBits } from "../../../src/windows/vantage.ts";

const SEES_ALL = kindBits(["read", "write", "miss"]);
const SEES_EVENTS = kindBits(["write", "miss"]);

function events(fields: Partial<VantageView> = {}): VantageView {
  return {
    vantage: "server-events",
    lower: { read: 0, write: 0, miss: 0 },
    slack: 0,
    scaled: null,
    sees: SEES_EVENTS,
    complete: SEES_EVENTS,
    unbroken: SEES_EVENTS,
    isReporting: true,
    ...fields,
  };
}

function clients(fields: Partial<VantageView> = {}): VantageView {
  return { ...events(), vantage: "clients", sees: SEES_ALL, complete: 0, unbroken: 0, ...fields };
}

test("vantages are never added: per kind the largest lower bound speaks", () => {
  const fused = fuse([
    events({ lower: { read: 5, write: 100, miss: 5 } }),
    clients({ lower: { read: 80, write: 90, miss: 4 } }),
  ]);
  assert.equal(fused.counts.write.lower, 100);
  assert.equal(fused.counts.read.lower, 80);
  assert.equal(fused.counts.miss.lower, 5);
  assert.equal(fused.counts.total.lower, 180);
  assert.deepEqual(fused.vantages, { read: "clients", write: "server-events", miss: "server-events" });
});

test("the upper bound is the least of the complete vantages, and unknown where none is", () => {
  const fused = fuse([
    events({ lower: { read: 0, write: 100, miss: 0 }, slack: 7 }),
    clients({ lower: { read: 80, write: 90, miss: 0 }, slack: 3 }),
  ]);
  assert.equal(fused.counts.write.upper, 107);
  assert.equal(fused.counts.write.estimate, 103);
  assert.equal(fused.counts.read.upper, null);
  assert.equal(fused.counts.read.estimate, 80);
  assert.equal(fused.counts.total.upper, null);
});

test("an upper bound that another vantage's lower bound passes is dropped and counted", () => {
  const fused = fuse([
    events({ lower: { read: 0, write: 10, miss: 0 }, slack: 2 }),
    clients({ lower: { read: 0, write: 90, miss: 0 }, sees: SEES_EVENTS }),
  ]);
  assert.deepEqual(fused.counts.write, { estimate: 90, lower: 90, upper: null, likely: null });
  assert.ok(fused.disproved > 0);
});

test("where nobody sees reads, misses stand for them, and no vantage is named for reads", () => {
  const fused = fuse([events({ lower: { read: 9, write: 20, miss: 9 }, slack: 4 })]);
  assert.deepEqual(fused.counts.read, { estimate: 11, lower: 9, upper: 13, likely: null });
  assert.deepEqual(fused.vantages, { write: "server-events", miss: "server-events" });
  // The doubt is of one access or the other: it is not counted for both.
  assert.deepEqual(fused.counts.total, { estimate: 31, lower: 29, upper: 33, likely: null });
});

test("a falling rule may rely on the speaking vantage's own upper bound while its reporters report", () => {
  const view = clients({ lower: { read: 80, write: 0, miss: 0 }, slack: 3 });
  assert.equal(fuse([view]).clearing.read, 83);
  assert.equal(fuse([view]).clearing.total, 83);
  assert.equal(fuse([{ ...view, isReporting: false }]).clearing.read, null);
  assert.equal(fuse([{ ...view, isReporting: false }]).clearing.total, null);
  const both = fuse([events({ lower: { read: 0, write: 50, miss: 0 }, slack: 1 }), view]);
  assert.deepEqual([both.clearing.write, both.clearing.read, both.clearing.total], [51, 83, 134]);
});

test("where only one kind is seen, the total is of that kind", () => {
  const bits = kindBits(["miss"]);
  const fused = fuse([
    events({ lower: { read: 6, write: 0, miss: 6 }, slack: 2, sees: bits, complete: bits }),
  ]);
  assert.deepEqual(fused.counts.total, { estimate: 7, lower: 6, upper: 8, likely: null });
  assert.deepEqual(fused.counts.write, { estimate: 0, lower: 0, upper: null, likely: null });
  assert.deepEqual(fused.vantages, { miss: "server-events" });
});

test("a key that nobody can see has no upper bound", () => {
  const { counts, clearing } = fuse([]);
  assert.deepEqual(counts.total, { estimate: 0, lower: 0, upper: null, likely: null });
  assert.equal(clearing.total, null);
});
