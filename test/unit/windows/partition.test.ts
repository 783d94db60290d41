import assert from "node:assert/strict";
import { test } from "node:test";
import type { SlotRange } from "../../../src/model/slot.ts";
import { makeReport } from "../../support/parts.ts";
import { at, keyOf, setUp } from "./setup.ts";

const BUCKETS = 4;
const ALL_SLOTS: readonly SlotRange[] = [[0, 16_383]];
/** Slot 10,778, so bucket 2. */
const KEY = "user:1";
const IN_BUCKET_2 = { bucket: 2, buckets: BUCKETS, slots: ALL_SLOTS };

test("windows over one bucket wait for that bucket's parts alone", () => {
  const { windows, add, closed } = setUp({ buckets: BUCKETS, owns: (_, bucket) => bucket === 2 });
  windows.expect(makeReport({ atMs: at(0), slots: ALL_SLOTS }));
  windows.advance(at(2));
  add(0, { ...IN_BUCKET_2, rows: [{ key: KEY, write: 5 }] });
  assert.deepEqual(windows.advance(at(2.1)).at(-1), { cluster: "default", asOfMs: at(1), complete: true });
  assert.equal(closed(KEY).counts.total.lower, 5);
});

test("a part of another bucket is refused, and counted", () => {
  const { windows, ledger, add } = setUp({ buckets: BUCKETS, owns: (_, bucket) => bucket === 2 });
  assert.equal(add(0, { ...IN_BUCKET_2, bucket: 1 }).outcome, "refused");
  assert.deepEqual(ledger.books().dropped, { refused: 1 });
  assert.deepEqual(windows.clusters(), []);
});

test("a target without slots in the buckets is not waited for, unless it cannot be asked and had some", () => {
  const { windows, add } = setUp({ buckets: BUCKETS, owns: (_, bucket) => bucket === 2 });
  const elsewhere = makeReport({ atMs: at(0), target: "10.0.0.9:6379", slots: [[0, 4000]] });
  windows.expect(elsewhere);
  windows.expect(makeReport({ atMs: at(0), slots: ALL_SLOTS }));
  windows.advance(at(2));
  add(0, IN_BUCKET_2);
  assert.equal(windows.advance(at(2.1)).at(-1)?.complete, true);
  windows.expect(makeReport({ atMs: at(1), slots: null, reachable: false }));
  windows.expect({ ...elsewhere, atMs: at(1), slots: null, reachable: false });
  assert.deepEqual(windows.advance(at(2.2)), []);
  add(1, IN_BUCKET_2);
  assert.equal(windows.advance(at(2.3)).at(-1)?.complete, true);
});

test("parts that are read again make the windows that they made before, complete as they were", () => {
  const first = setUp();
  const parts = Array.from({ length: 75 }, (_, second) => second);
  first.windows.expect(makeReport({ atMs: at(-1) }));
  for (const second of parts) {
    first.add(second, { rows: [{ key: "k", write: second + 1 }] });
    first.windows.expect(makeReport({ atMs: at(second + 1.1) }));
    first.windows.advance(at(second + 1.2));
  }
  const again = setUp({ isRebuilding: true });
  const nowMs = at(75.2);
  for (const second of parts) {
    again.add(second, { rows: [{ key: "k", write: second + 1 }] }, nowMs);
    again.windows.expect(makeReport({ atMs: at(second + 1.1) }));
  }
  again.windows.rebuilt();
  again.windows.advance(nowMs);
  for (const windowMs of [10_000, 60_000]) {
    const expected = first.windows.closedOf(keyOf("k"), windowMs);
    assert.deepEqual(again.windows.closedOf(keyOf("k"), windowMs), expected);
    assert.equal(expected.complete, true);
  }
  assert.ok((again.ledger.books().dropped.outdated ?? 0) > 0, "what no window covers is counted");
  assert.equal(again.ledger.books().dropped.late, undefined);
});

test("after they were read again, windows that reach back before the first part are not complete", () => {
  const { windows, add, closed } = setUp({ isRebuilding: true });
  for (let second = 70; second < 75; second++) {
    windows.expect(makeReport({ atMs: at(second + 0.1) }));
    add(second, { rows: [{ key: "k", write: 1 }] }, at(75.2));
  }
  windows.rebuilt();
  windows.advance(at(75.2));
  assert.equal(closed("k").counts.total.lower, 5);
  assert.equal(closed("k").complete, false);
});
