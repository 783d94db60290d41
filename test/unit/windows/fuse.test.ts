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

const NOTHING = { counts: { read: 0, write: 0, miss: 0 }, slack: 0 };

/** Clients of whose writes `kept` were kept, 1 of `inverse`. */
function sampledWrites(kept: number, inverse: number, fields: Partial<VantageView> = {}): VantageView {
  const unkept = { counts: { read: 0, write: kept * (inverse - 1), miss: 0 }, slack: 0 };
  const scaled = { inverse, isFullyWatched: true, unkept, unwatched: NOTHING };
  return clients({ lower: { read: 0, write: kept, miss: 0 }, scaled, ...fields });
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

test("of a sampled vantage the likely lower bound competes, so its noise does not speak", () => {
  // Scaled 2000, likely at least 1626.
  const sampled = sampledWrites(200, 10);
  const louder = fuse([events({ lower: { read: 0, write: 1650, miss: 0 }, complete: 0 }), sampled]);
  assert.deepEqual(louder.counts.write, { estimate: 1650, lower: 1650, upper: null, likely: null });
  assert.equal(louder.vantages.write, "server-events");
  const quieter = fuse([events({ lower: { read: 0, write: 1500, miss: 0 }, complete: 0 }), sampled]);
  const { estimate, lower, upper, likely } = quieter.counts.write;
  // What the other one surely saw stays sure.
  assert.deepEqual([estimate, lower, upper], [2000, 1500, null]);
  assert.deepEqual(likely, { lower: 1626, upper: null });
  assert.equal(quieter.vantages.write, "clients");
});

test("what is only likely disproves no upper bound, and is held back by it", () => {
  const complete = events({ lower: { read: 0, write: 1200, miss: 0 }, slack: 30 });
  const { counts, clearing, disproved } = fuse([complete, sampledWrites(200, 10)]);
  const likely = { lower: 1230, upper: 1230 };
  assert.deepEqual(counts.write, { estimate: 1230, lower: 1200, upper: 1230, likely });
  assert.deepEqual([clearing.write, disproved], [1230, 0]);
  const sure = fuse([complete, clients({ lower: { read: 0, write: 1500, miss: 0 } })]);
  assert.deepEqual([sure.counts.write.upper, sure.disproved > 0], [null, true]);
});

test("the upper end of a sampled vantage is likely where it missed nothing else, and clears while it reports", () => {
  const unbroken = { sees: SEES_EVENTS, unbroken: SEES_EVENTS };
  const { counts, clearing } = fuse([sampledWrites(200, 10, unbroken)]);
  const { lower, upper } = counts.write.likely!;
  assert.deepEqual([lower, upper], [1626, 2446]);
  assert.equal(clearing.write, upper);
  assert.deepEqual(counts.total, counts.write);
  assert.equal(fuse([sampledWrites(200, 10)]).counts.write.likely?.upper, null);
  assert.equal(fuse([sampledWrites(200, 10, { ...unbroken, isReporting: false })]).clearing.write, null);
  // One that sees some of the accesses does not clear what the other leaves open.
  const some = clients({ lower: { read: 0, write: 1700, miss: 0 } });
  assert.equal(fuse([sampledWrites(200, 10, unbroken), some]).clearing.write, upper);
});

test("reads and writes of one sampled vantage are doubted together, those of two vantages each by itself", () => {
  const half = { read: 100, write: 100, miss: 0 };
  const unkept = { counts: { read: 900, write: 900, miss: 0 }, slack: 0 };
  const scaled = { inverse: 10, isFullyWatched: true, unkept, unwatched: NOTHING };
  const { counts } = fuse([clients({ lower: half, scaled })]);
  assert.equal(counts.total.estimate, 2000);
  assert.ok(counts.total.likely!.lower > counts.read.likely!.lower + counts.write.likely!.lower);
  const two = fuse([
    clients({
      lower: { ...half, write: 0 },
      scaled: { ...scaled, unkept: { ...unkept, counts: { read: 900, write: 0, miss: 0 } } },
    }),
    events({ lower: { read: 0, write: 500, miss: 0 }, slack: 20 }),
  ]).counts;
  assert.deepEqual([two.total.estimate, two.total.lower], [1510, 600]);
  assert.equal(two.total.likely?.lower, two.read.likely!.lower + 500);
});

test("what is left of a kind that nobody sees any more counts, and has no upper bound", () => {
  // It was a primary until a moment ago: as a replica it sees misses only.
  const bits = kindBits(["miss"]);
  const view = events({ lower: { read: 6, write: 40, miss: 6 }, sees: bits, complete: bits, unbroken: bits });
  const { counts, clearing } = fuse([view]);
  assert.deepEqual(counts.total, { estimate: 46, lower: 46, upper: null, likely: null });
  assert.equal(clearing.total, null);
});

test("what clients claim above a complete count by less than a pane is held to it, more disproves it", () => {
  const exact = events({ lower: { read: 0, write: 1000, miss: 0 } });
  const claim = (write: number) => fuse([exact, clients({ lower: { read: 500, write, miss: 0 } })], 0.1);
  const held = claim(1090);
  assert.deepEqual(held.counts.write, { estimate: 1000, lower: 1000, upper: 1000, likely: null });
  assert.equal(held.vantages.write, "server-events");
  assert.equal(held.disproved, 0);
  const silent = claim(1200);
  assert.deepEqual(silent.counts.write, { estimate: 1200, lower: 1200, upper: null, likely: null });
  assert.equal(silent.disproved, 1);
});
