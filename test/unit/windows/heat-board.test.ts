import assert from "node:assert/strict";
import { test } from "node:test";
import type { Heat } from "../../../src/model/heat.ts";
import type { HeatSnapshot } from "../../../src/model/heat-snapshot.ts";
import { HeatBoard, mergeTops } from "../../../src/windows/heat-board.ts";
import { heatOf } from "../incidents/samples.ts";

const NOW_MS = 1_700_000_000_000;
const NONE: ReadonlySet<number> = new Set();

function snapshot(
  partition: number,
  heats: readonly Heat[],
  changes: Partial<HeatSnapshot> = {},
): HeatSnapshot {
  const windows = [{ windowMs: 10_000, asOfMs: NOW_MS - 1000 - partition, complete: true, heats }];
  return {
    partition,
    instance: "one",
    atMs: NOW_MS,
    clusters: [{ cluster: "shop", windows, coverage: null, baselines: [], demands: [] }],
    ...changes,
  };
}

const keysOf = (heats: readonly Heat[]) => heats.map(({ key }) => Buffer.from(key.bytes).toString());

test("the hottest of all partitions, as of the oldest of their windows", () => {
  const board = new HeatBoard();
  board.put(snapshot(0, [heatOf({ key: "b", writes: 200 }), heatOf({ key: "d", writes: 50 })]), NOW_MS);
  board.put(snapshot(1, [heatOf({ key: "a", writes: 300 }), heatOf({ key: "c", writes: 100 })]), NOW_MS);
  const top = mergeTops(board.tops("shop", 10_000, NONE, NOW_MS), 3, NOW_MS);
  assert.deepEqual(keysOf(top.heats), ["a", "b", "c"]);
  assert.equal(top.asOfMs, NOW_MS - 1001);
  assert.equal(top.complete, true);
});

test("own partitions, other clusters and other windows are left out", () => {
  const board = new HeatBoard();
  board.put(snapshot(0, [heatOf({ key: "a" })]), NOW_MS);
  assert.deepEqual(board.tops("shop", 10_000, new Set([0]), NOW_MS), []);
  assert.deepEqual(board.tops("blog", 10_000, NONE, NOW_MS), []);
  assert.deepEqual(board.tops("shop", 60_000, NONE, NOW_MS), []);
});

test("an older snapshot changes nothing, whichever way they come", () => {
  const board = new HeatBoard();
  board.put(snapshot(0, [heatOf({ key: "new" })]), NOW_MS);
  board.put(snapshot(0, [heatOf({ key: "old" })], { atMs: NOW_MS - 1000, instance: "zombie" }), NOW_MS);
  assert.deepEqual(keysOf(board.tops("shop", 10_000, NONE, NOW_MS)[0]!.heats), ["new"]);
});

test("a partition that falls silent makes the whole incomplete, and loses its keys when its window is over", () => {
  const board = new HeatBoard();
  board.put(snapshot(0, [heatOf({ key: "a" })]), NOW_MS);
  const after = (ms: number) => mergeTops(board.tops("shop", 10_000, NONE, NOW_MS + ms), 10, NOW_MS + ms);
  assert.deepEqual([after(5000).complete, after(5001).complete], [true, false]);
  assert.deepEqual([after(10_000).heats.length, after(10_001).heats.length], [1, 0]);
  assert.equal(after(300_001).asOfMs, NOW_MS + 300_001);
  assert.deepEqual(board.clusters(), []);
});

test("coverage comes from the owners of clusters alone", () => {
  const board = new HeatBoard();
  const target = {
    cluster: "shop",
    target: "10.0.0.1:6379",
    role: "primary",
    state: "seen",
    sources: [],
  } as const;
  const nothing = { ran: null, observed: 0, ratio: null, vantage: null };
  const coverage = [{ ...target, kinds: { read: nothing, write: nothing } }];
  board.put(
    snapshot(0, [], { clusters: [{ cluster: "shop", windows: [], coverage, baselines: [], demands: [] }] }),
    NOW_MS,
  );
  board.put(snapshot(1, []), NOW_MS);
  assert.deepEqual(board.coverage(NONE, NOW_MS), [{ atMs: NOW_MS, targets: coverage }]);
  assert.deepEqual(board.coverage(new Set([0]), NOW_MS), []);
});

test("a snapshot from a far future does not shut out those that follow, nor stays for ever", () => {
  const board = new HeatBoard();
  board.put(snapshot(0, [heatOf({ key: "forged" })], { atMs: 1e18 }), NOW_MS);
  board.put(snapshot(0, [heatOf({ key: "true" })], { atMs: NOW_MS + 900 }), NOW_MS + 1000);
  board.put(snapshot(0, [heatOf({ key: "true" })], { atMs: NOW_MS + 1900 }), NOW_MS + 2000);
  assert.deepEqual(keysOf(board.tops("shop", 10_000, NONE, NOW_MS + 2000)[0]!.heats), ["true"]);
  board.put(snapshot(1, [], { atMs: 1e18 }), NOW_MS);
  assert.equal(board.tops("shop", 10_000, NONE, NOW_MS + 400_000).length, 0);
});
