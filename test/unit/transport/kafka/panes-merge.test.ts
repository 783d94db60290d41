import assert from "node:assert/strict";
import { test } from "node:test";
import { PanesMerge } from "../../../../src/transport/kafka/panes-merge.ts";
import type { TopicRecord } from "../../../../src/transport/kafka/topic-record.ts";
import fc from "../../../support/fast-check.ts";

const record = (partition: number, offset: number, timestampMs: number): TopicRecord => {
  return { partition, offset, key: "test", value: Buffer.of(1, 2, 3), timestampMs };
};

const records = (partition: number, timesMs: readonly number[], firstOffset = 0) =>
  timesMs.map((timeMs, index) => record(partition, firstOffset + index, timeMs));

test("records of several partitions come in the order of their time, however they are handed over", () => {
  const times = fc.array(fc.nat(1000), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b));
  fc.assert(
    fc.property(
      fc.array(times, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      (lanes, size) => {
        const merge = new PanesMerge(lanes.map((_, partition) => partition));
        const taken: number[] = [];
        const places = lanes.map(() => 0);
        for (let round = 0; !merge.isOver; round++) {
          for (const [partition, lane] of lanes.entries()) {
            const first = places[partition] ?? 0;
            merge.put(partition, records(partition, lane.slice(first, first + size), first));
            places[partition] = first + size;
            if (first + size >= lane.length) merge.end(partition);
          }
          taken.push(...merge.take(5).map(({ atMs }) => atMs));
          assert.ok(round < 1000);
        }
        assert.deepEqual(
          taken,
          lanes.flat().sort((a, b) => a - b),
        );
        for (const partition of places.keys()) assert.equal(merge.bytes(partition), 0);
      },
    ),
    { numRuns: 200 },
  );
});

test("nothing is given out while it is not known what comes next of a partition", () => {
  const merge = new PanesMerge([0, 1]);
  merge.put(0, records(0, [10, 20]));
  assert.deepEqual(merge.take(10), []);
  merge.put(1, records(1, [15]));
  assert.deepEqual(
    merge.take(10).map(({ atMs }) => atMs),
    [10, 15],
  );
  merge.end(1);
  assert.deepEqual(
    merge.take(10).map(({ atMs }) => atMs),
    [20],
  );
  assert.equal(merge.isOver, false);
  merge.end(0);
  assert.equal(merge.isOver, true);
});

test("a partition keeps its order where clocks of agents differ a little", () => {
  const merge = new PanesMerge([0]);
  merge.put(0, records(0, [1000, 900, 1100]));
  merge.end(0);
  assert.deepEqual(
    merge.take(10).map(({ atMs, record: { offset } }) => [offset, atMs]),
    [
      [0, 1000],
      [1, 1000],
      [2, 1100],
    ],
  );
});

test("an agent whose clock is a day ahead does not carry the others with it", () => {
  const merge = new PanesMerge([0]);
  merge.put(0, records(0, [1000, 86_400_000, 1200]));
  merge.end(0);
  assert.deepEqual(
    merge.take(10).map(({ atMs }) => atMs),
    [1000, 1200, 1200],
  );
});
