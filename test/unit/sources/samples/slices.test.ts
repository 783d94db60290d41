import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { partInSlice, slicesOf } from "../../../../src/sources/samples/slices.ts";
import fc from "../../../support/fast-check.ts";
import { sample, T0 } from "./scene.ts";

const SECOND = 1000;

/** Seconds of the panes that a batch is counted in. */
function panesOf(startMs: number, endMs: number): number[] {
  return slicesOf({ startMs: T0 + startMs, endMs: T0 + endMs }, SECOND).map(
    ({ paneStartMs }) => (paneStartMs - T0) / SECOND,
  );
}

describe("a batch's time", () => {
  it("is of one pane where all but a little lies in it", () => {
    assert.deepEqual(panesOf(3000, 4000), [3]);
    for (const jitterMs of [-30, 30]) {
      assert.deepEqual(panesOf(3000 + jitterMs, 4000), [3]);
      assert.deepEqual(panesOf(3000, 4000 + jitterMs), [3]);
      assert.deepEqual(panesOf(3000 + jitterMs, 4000 + jitterMs), [3]);
    }
    assert.deepEqual(panesOf(3000, 3200), [3]);
    assert.deepEqual(panesOf(3800, 4000), [3]);
    assert.deepEqual(panesOf(3000, 4100), [3]);
    assert.deepEqual(panesOf(3500, 3500), [3]);
  });

  it("is spread over the panes that it covers otherwise", () => {
    assert.deepEqual(panesOf(3000, 4500), [3, 4]);
    assert.deepEqual(panesOf(3480, 4520), [3, 4]);
    assert.deepEqual(panesOf(2500, 4250), [2, 3, 4]);
    assert.deepEqual(panesOf(2000, 4000), [2, 3]);
    const slices = slicesOf({ startMs: T0 + 2500, endMs: T0 + 4500 }, SECOND);
    assert.deepEqual(
      slices.map(({ lengthMs, fromShare, toShare }) => [lengthMs, fromShare, toShare]),
      [
        [500, 0, 0.25],
        [1000, 0.25, 0.75],
        [500, 0.75, 1],
      ],
    );
  });
});

describe("the counts of a sample", () => {
  it("are spread in proportion", () => {
    const slices = slicesOf({ startMs: T0 + 2500, endMs: T0 + 4500 }, SECOND);
    const whole = sample("a", { reads: 400, misses: 40, bytes: 8000, commands: { get: 300, mget: 100 } });
    const parts = slices.map((slice) => partInSlice(whole, slice, 0.5));
    assert.deepEqual(parts, [
      { ...whole, reads: 100, misses: 10, bytes: 2000, commands: { get: 75, mget: 25 } },
      { ...whole, reads: 200, misses: 20, bytes: 4000, commands: { get: 150, mget: 50 } },
      { ...whole, reads: 100, misses: 10, bytes: 2000, commands: { get: 75, mget: 25 } },
    ]);
  });

  it("are whole numbers that add up, whatever they are, and never more misses than reads", () => {
    const count = fc.oneof(fc.nat(20), fc.nat(2 ** 31));
    fc.assert(
      fc.property(
        fc.record({
          hits: count,
          misses: count,
          writes: count,
          absorbed: count,
          bytes: fc.nat(2 ** 40),
          get: count,
        }),
        fc.nat(3000),
        fc.integer({ min: 1501, max: 10_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        ({ hits, misses, writes, absorbed, bytes, get }, startMs, lengthMs, offset) => {
          fc.pre(hits + misses + writes + absorbed > 0);
          const counts = { reads: hits + misses, misses, writes, absorbed, bytes };
          const whole = sample("a", { ...counts, commands: { get } });
          const sums = { reads: 0, misses: 0, writes: 0, absorbed: 0, bytes: 0 };
          let gets = 0;
          for (const slice of slicesOf({ startMs, endMs: startMs + lengthMs }, SECOND)) {
            const part = partInSlice(whole, slice, offset);
            for (const name of ["reads", "misses", "writes", "absorbed", "bytes"] as const) {
              assert.ok(Number.isInteger(part[name]) && part[name] >= 0);
              sums[name] += part[name];
            }
            assert.ok(part.misses <= part.reads);
            // What goes with accesses is where accesses are.
            if (part.reads + part.writes + part.absorbed === 0)
              assert.deepEqual([part.bytes, part.commands], [0, { get: 0 }]);
            gets += part.commands?.get ?? 0;
          }
          assert.deepEqual([sums, gets], [counts, get]);
        },
      ),
    );
  });
});
