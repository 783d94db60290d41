import assert from "node:assert/strict";
import { test } from "node:test";
import { TopList } from "../../../src/scans/top-list.ts";
import fc from "../../support/fast-check.ts";

test("the list holds the greatest of what was offered, as a full sort would", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 })),
      fc.integer({ min: 1, max: 20 }),
      (weights, limit) => {
        const list = new TopList<{ weight: number; order: number }>(limit, ({ weight }) => weight);
        const items = weights.map((weight, order) => ({ weight, order }));
        for (const item of items) list.offer(item);
        const sorted = items.toSorted((a, b) => b.weight - a.weight || a.order - b.order);
        assert.deepEqual(list.items(), sorted.slice(0, limit));
      },
    ),
  );
});

test("the threshold is what an item must exceed to get in", () => {
  const list = new TopList<number>(2, (weight) => weight);
  assert.equal(list.threshold, Number.NEGATIVE_INFINITY);
  list.offer(5);
  assert.equal(list.threshold, Number.NEGATIVE_INFINITY);
  list.offer(3);
  assert.equal(list.threshold, 3);
  list.offer(3);
  assert.deepEqual(list.items(), [5, 3]);
});
