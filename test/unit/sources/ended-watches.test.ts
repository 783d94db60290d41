import assert from "node:assert/strict";
import { test } from "node:test";
import { EndedWatches, type TapView } from "../../../src/sources/ended-watches.ts";

function tap(target: string, events: Record<string, number>, gaps: Record<string, number> = {}): TapView {
  return { source: "keyspace", cluster: "shop", target, gaps, events, distinctKeys: 5, paneLagSeconds: 0.1 };
}

test("what ended watches have counted stays in the books and in the taps, under the same names as what comes after", () => {
  const ended = new EndedWatches();
  ended.add(
    { stage: "tap", received: 10, kept: 8, dropped: { sampled: 2 } },
    tap("a", { set: 8 }, { role: 1 }),
  );
  ended.add(
    { stage: "tap", received: 5, kept: 3, dropped: { sampled: 1, foreign: 1 } },
    tap("a", { set: 2, del: 1 }),
  );
  ended.add({ stage: "tap", received: 1, kept: 1, dropped: {} }, tap("b", { set: 1 }));
  assert.deepEqual(ended.books(), [
    { stage: "tap", received: 16, kept: 12, dropped: { sampled: 3, foreign: 1 } },
  ]);
  assert.deepEqual(ended.taps([tap("a", { set: 100 })]), [
    tap("a", { set: 110, del: 1 }, { role: 1 }),
    { ...tap("b", { set: 1 }), distinctKeys: 0, paneLagSeconds: null },
  ]);
});

test("of a thousand ended taps and more those that ended first are let go, the books are not", () => {
  const ended = new EndedWatches();
  for (let i = 0; i < 1500; i++)
    ended.add({ stage: "tap", received: 1, kept: 1, dropped: {} }, tap(`t${i}`, { set: 1 }));
  const taps = ended.taps([]);
  assert.equal(taps.length, 1000);
  assert.equal(taps[0]?.target, "t500");
  assert.equal(ended.books()[0]?.received, 1500);
});
