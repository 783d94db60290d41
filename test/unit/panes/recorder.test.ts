import assert from "node:assert/strict";
import { test } from "node:test";
import type { PanePart } from "../../../src/model/pane.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { bucketOfSlot, slotOf } from "../../../src/model/slot.ts";
import { FIRST_MAYBE_COLUMN, MISS_COLUMN, WRITE_COLUMN } from "../../../src/panes/columns.ts";
import { viewOf } from "../../../src/panes/key-words.ts";
import { boundsOf, type CountBounds } from "../../support/bounds.ts";
import fc from "../../support/fast-check.ts";
import { close, hit, recorderOf, SEES, VERDICT } from "./small-recorder.ts";

test("the parts of a pane add up to it, whatever left early and however small the summary", () => {
  const access = fc.record({
    key: fc.integer({ min: 0, max: 40 }),
    weight: fc.integer({ min: 1, max: 400 }),
    column: fc.constantFrom(WRITE_COLUMN, MISS_COLUMN, FIRST_MAYBE_COLUMN),
    hasRound: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(access, { maxLength: 200 }),
      fc.integer({ min: 4, max: 60 }),
      fc.integer({ min: 1, max: 30 }),
      (accesses, capacity, publishMax) => {
        const recorder = recorderOf({ capacity, publishMax });
        const parts: PanePart[] = [];
        const truth = new Map<string, CountBounds>();
        accesses.forEach(({ key, weight, column, hasRound }, index) => {
          hit(recorder, `k${key}`, weight, column);
          const exact = truth.get(`k${key}`) ?? { lower: 0, upper: 0 };
          truth.set(`k${key}`, exact);
          exact.upper += weight;
          if (column !== FIRST_MAYBE_COLUMN) exact.lower += weight;
          if (hasRound) parts.push(...recorder.earlyParts(1 + index * 4, SEES, null));
        });
        parts.push(...close(recorder));
        assert.equal(parts.filter((part) => part.closing).length, 1);
        assert.equal(parts.at(-1)?.parts, parts.length);
        assert.deepEqual(
          parts.map((part) => part.part),
          parts.map((_, index) => index),
        );
        for (let key = 0; key <= 40; key++) {
          const exact = truth.get(`k${key}`) ?? { lower: 0, upper: 0 };
          const { lower, upper } = boundsOf(parts, `k${key}`);
          assert.ok(
            lower <= exact.lower && exact.upper <= upper,
            `k${key}: ${lower}..${upper}, true ${exact.lower}..${exact.upper}`,
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a key that rises steeply leaves within the round, a steady one does not", () => {
  const recorder = recorderOf();
  hit(recorder, "steep", 100);
  hit(recorder, "slow", 10);
  const [early, ...more] = recorder.earlyParts(200, SEES, null);
  assert.equal(more.length, 0);
  assert.equal(early?.entries.length, 1);
  assert.equal(early?.entries.currentPerSecond[0], 500);
  assert.equal(early?.floor, 0);
  assert.deepEqual(boundsOf([early ?? assert.fail()], "steep"), { lower: 100, upper: 100 });
  const steady = recorderOf();
  for (let pane = 0; pane < 10; pane++) {
    hit(steady, "steady", 500);
    close(steady);
  }
  hit(steady, "steady", 100);
  assert.deepEqual(steady.earlyParts(200, SEES, null), []);
});

test("the current rate of a key that began in mid-pane is its rate in the last round, not the pane's mean", () => {
  const recorder = recorderOf();
  recorder.earlyParts(800, SEES, null);
  hit(recorder, "k", 4000);
  recorder.earlyParts(1000, SEES, null);
  hit(recorder, "k", 3);
  const [part] = close(recorder);
  assert.equal(part?.entries.currentPerSecond[0], 20_000);
});

test("a key with the form of a redacted one is in the bucket of its own slot", () => {
  const key = redactedKey({ slot: 0, identity: new Uint8Array(8), label: "user:{n}" });
  const recorder = recorderOf();
  recorder.count(recorder.enter(0, viewOf(key), 0, key.length), WRITE_COLUMN, 1, 1);
  const slot = slotOf(key);
  assert.ok(bucketOfSlot(slot, 12) > 0);
  const parts = close(recorder, [[slot, slot]]);
  assert.deepEqual(
    parts.map(({ bucket, entries }) => [bucket, entries.length]),
    [[bucketOfSlot(slot, 12), 1]],
  );
});

test("in Cluster mode every bucket of the target's slots has a part, empty ones too", () => {
  const recorder = recorderOf();
  hit(recorder, "user:1");
  const parts = close(recorder, [[0, 8191]]);
  assert.deepEqual(
    parts.map((part) => part.bucket),
    [0, 1, 2, 3, 4, 5],
  );
  const other = recorderOf();
  hit(other, "user:1");
  const holding = close(other, [[0, 16_383]]).filter((part) => part.entries.length > 0);
  assert.deepEqual(
    holding.map((part) => part.bucket),
    [Math.floor((10_778 * 12) / 16_384)],
  );
});

test("events in doubt are resolved by what the server ran", () => {
  const bounds = (ownMax: number, derivedMax: number) => {
    const recorder = recorderOf();
    hit(recorder, "k", 10);
    hit(recorder, "k", 8, FIRST_MAYBE_COLUMN);
    return boundsOf(close(recorder, null, { ownMax, derivedMax }), "k");
  };
  assert.deepEqual(bounds(0, 100), { lower: 10, upper: 10 });
  assert.deepEqual(bounds(100, 0), { lower: 18, upper: 18 });
  assert.deepEqual(bounds(3, 100), { lower: 10, upper: 13 });
  assert.deepEqual(bounds(100, 3), { lower: 15, upper: 18 });
});

test("an ignored key is counted in the total and never reported, and nobody's bounds suffer", () => {
  const recorder = recorderOf({ ignored: (key) => Buffer.from(key).toString().startsWith("lock:") });
  hit(recorder, "lock:1", 5000);
  hit(recorder, "k", 5);
  assert.deepEqual(recorder.earlyParts(200, SEES, null), []);
  const [part] = close(recorder);
  assert.equal(part?.total.write, 5005);
  assert.equal(part?.entries.length, 1);
  assert.equal(part?.floor, 0);
});

test("a pane that waits for its verdict does not hold up the next, but two cannot wait", () => {
  const recorder = recorderOf();
  hit(recorder, "first");
  const closing = recorder.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
  hit(recorder, "second");
  assert.throws(() => recorder.rotate({ startMs: 2000, epoch: 1, nowMs: 2000 }), /has not been published/);
  assert.equal(closing.publish(VERDICT)[0]?.startMs, 0);
  assert.equal(recorder.rotate({ startMs: 2000, epoch: 1, nowMs: 2000 }).publish(VERDICT)[0]?.startMs, 1000);
});
