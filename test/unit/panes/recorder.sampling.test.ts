import assert from "node:assert/strict";
import { test } from "node:test";
import type { PanePart } from "../../../src/model/pane.ts";
import { FIRST_MAYBE_COLUMN, MISS_COLUMN } from "../../../src/panes/columns.ts";
import { viewOf } from "../../../src/panes/key-words.ts";
import type { PaneRecorder } from "../../../src/panes/recorder.ts";
import { keptOf, seededRandom } from "../../support/random.ts";
import { close, hit, recorderOf, SEES, VERDICT } from "./small-recorder.ts";

/** What the parts say of a key, scaled to what happened. */
function scaledWrites(parts: readonly PanePart[], key: string): number {
  let sum = 0;
  for (const { entries, probability, watchedShare } of parts) {
    for (let i = 0; i < entries.length; i++) {
      const listed = entries.keyBytes.subarray(entries.keyOffsets[i], entries.keyOffsets[i + 1]);
      if (Buffer.from(listed).toString() !== key) continue;
      sum += (entries.writes[i] ?? 0) / (probability * watchedShare);
    }
  }
  return sum;
}

/** Closes the pane; `intake` is for the one that opens. */
function turn(
  recorder: PaneRecorder,
  intake: { probability: number; watchedShare: number },
  watchedShare = 1,
): PanePart {
  const closing = recorder.rotate({ startMs: 1000, epoch: 1, nowMs: 1000, intake }, watchedShare);
  return closing.publish(VERDICT)[0] ?? assert.fail();
}

test("what left before sampling began says 1 of 1, and what leaves after it says 1 of 2", () => {
  const recorder = recorderOf();
  hit(recorder, "k", 100);
  const [before] = recorder.earlyParts(200, SEES, null);
  recorder.thin();
  assert.equal(recorder.probability, 1 / 2);
  hit(recorder, "k", 100);
  const [after] = recorder.earlyParts(400, SEES, null);
  hit(recorder, "k", 7);
  const [closing] = close(recorder);
  assert.deepEqual(
    [before, after, closing].map((part) => [part?.probability, part?.closing, part?.entries.writes[0]]),
    [
      [1, false, 100],
      [1 / 2, false, 100],
      [1 / 2, true, 7],
    ],
  );
  assert.equal(recorder.probability, 1, "the next pane has a probability of its own");
});

test("a pane may be thinned again and again, and every key's counts are", () => {
  const recorder = recorderOf();
  for (let key = 0; key < 40; key++) hit(recorder, `k${key}`, 1000);
  recorder.thin();
  recorder.thin();
  const [part] = close(recorder);
  assert.equal(part?.probability, 1 / 4);
  const writes = Array.from(part?.entries.writes ?? []);
  assert.equal(writes.length, 40);
  // A binomial of 1000 and 1/4 has a deviation of 13.7.
  assert.ok(
    writes.every((count) => count > 170 && count < 330),
    String(writes),
  );
  assert.ok(new Set(writes).size > 10, "each key is tossed for by itself");
});

test("the scaled parts of a pane that began to sample in its middle are right on average", () => {
  const recorder = recorderOf({ capacity: 64 });
  const random = seededRandom(11);
  const panes = 3000;
  let sum = 0;
  close(recorder);
  for (let pane = 0; pane < panes; pane++) {
    const key = `k${pane}`;
    hit(recorder, key, 60);
    const parts = recorder.earlyParts(1200, SEES, null);
    assert.equal(parts.length, 1);
    hit(recorder, key, 30);
    recorder.thin();
    hit(recorder, key, keptOf(80, 1 / 2, random));
    parts.push(...recorder.earlyParts(1400, SEES, null));
    hit(recorder, key, keptOf(10, 1 / 2, random));
    parts.push(...close(recorder));
    sum += scaledWrites(parts, key) - 180;
  }
  // Of 120 accesses each was kept with 1/2, and stands for two.
  const error = Math.sqrt(120 / panes);
  assert.ok(Math.abs(sum / panes) < 6 * error, `${sum / panes} off, standard error ${error}`);
});

test("what the whole pane observed is thinned to the probability that its closing part tells", () => {
  const recorder = recorderOf();
  hit(recorder, "k", 8000);
  recorder.earlyParts(200, SEES, null);
  hit(recorder, "m", 4000, MISS_COLUMN);
  hit(recorder, "k", 2000, FIRST_MAYBE_COLUMN);
  recorder.thin();
  const closing = recorder.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
  const { observed, maybes } = closing;
  for (const [count, of] of [
    [observed.write, 8000],
    [observed.miss, 4000],
    [maybes[0] ?? 0, 2000],
  ] as const) {
    assert.ok(Math.abs(count - of / 2) < 6 * Math.sqrt(of / 4), `${count} of ${of}`);
  }
  assert.equal(observed.read, 0);
});

test("a miss in doubt never makes what was observed less than nothing, however the coins fell", () => {
  const recorder = recorderOf();
  const key = Buffer.from("k");
  for (let pane = 0; pane < 100; pane++) {
    hit(recorder, "k", 1, MISS_COLUMN);
    recorder.thin();
    recorder.doubtMiss(0, viewOf(key), 0, key.length, FIRST_MAYBE_COLUMN);
    const closing = recorder.rotate({ startMs: 1000, epoch: 1, nowMs: 1000 });
    assert.ok(closing.observed.miss >= 0, `${closing.observed.miss} misses`);
    closing.publish(VERDICT);
  }
});

test("parts carry the probability and the share of their own pane: as planned while it is open, as it was in the end", () => {
  const recorder = recorderOf();
  const first = turn(recorder, { probability: 1 / 4, watchedShare: 1 / 8 });
  assert.deepEqual([first.probability, first.watchedShare], [1, 1]);
  assert.equal(recorder.probability, 1 / 4);
  hit(recorder, "k", 100);
  const [early] = recorder.earlyParts(1200, SEES, null);
  assert.deepEqual([early?.probability, early?.watchedShare], [1 / 4, 1 / 8]);
  const closing = turn(recorder, { probability: 1 / 2, watchedShare: 1 }, 0.3);
  assert.deepEqual([closing.probability, closing.watchedShare], [1 / 4, 0.3]);
  const last = turn(recorder, { probability: 1, watchedShare: 1 });
  assert.deepEqual([last.probability, last.watchedShare], [1 / 2, 1]);
});

test("current rates are those of what happened, not of what was kept", () => {
  const recorder = recorderOf();
  turn(recorder, { probability: 1 / 4, watchedShare: 1 });
  hit(recorder, "k", 50);
  const [early] = recorder.earlyParts(1200, SEES, null);
  assert.equal(early?.entries.currentPerSecond[0], 1000);
  hit(recorder, "k", 150);
  const closing = turn(recorder, { probability: 1, watchedShare: 1 }, 1 / 2);
  assert.equal(closing.entries.writes[0], 150);
  // 50 have left as 200, 150 stand for 600, in half of a second.
  assert.equal(closing.entries.currentPerSecond[0], 1600);
});

test("the rate of a round in which sampling began is measured from what the count before it would have been", () => {
  const recorder = recorderOf();
  hit(recorder, "k", 15_000);
  assert.deepEqual(recorder.earlyParts(100_000, SEES, null), []);
  recorder.thin();
  hit(recorder, "k", 5000);
  const [early] = recorder.earlyParts(110_000, SEES, null);
  const perSecond = early?.entries.currentPerSecond[0] ?? 0;
  // 5,000 of 10,000 in 10 s; the coins of 15,000 have a deviation of 61.
  assert.ok(Math.abs(perSecond - 1000) < (6 * 61) / 5, String(perSecond));
});

/** `panes` seconds of a key at `perSecond`, each sampled by `probability`. */
function steadyPast(recorder: PaneRecorder, perSecond: number, probability: number, panes = 10): void {
  for (let pane = 0; pane < panes; pane++) {
    turn(recorder, { probability, watchedShare: 1 });
    hit(recorder, "k", perSecond * probability);
  }
}

test("a steady key is not steep when sampling begins, nor when it ends", () => {
  const begins = recorderOf();
  steadyPast(begins, 800, 1);
  turn(begins, { probability: 1 / 4, watchedShare: 1 });
  hit(begins, "k", 40);
  assert.deepEqual(begins.earlyParts(1200, SEES, null), [], "40 of 160 in 200 ms");
  const ends = recorderOf();
  steadyPast(ends, 800, 1 / 4);
  turn(ends, { probability: 1, watchedShare: 1 });
  hit(ends, "k", 160);
  assert.deepEqual(ends.earlyParts(1200, SEES, null), []);
});

test("a key that rises to twice its mean is steep, however much of it is kept, then and now", () => {
  for (const [past, now] of [
    [1, 1 / 4],
    [1 / 4, 1 / 4],
    [1 / 4, 1],
  ] as const) {
    const recorder = recorderOf();
    steadyPast(recorder, 800, past);
    turn(recorder, { probability: now, watchedShare: 1 });
    hit(recorder, "k", 320 * now);
    const [early] = recorder.earlyParts(1200, SEES, null);
    assert.equal(early?.entries.currentPerSecond[0], 1600, `1 of ${1 / past}, then 1 of ${1 / now}`);
  }
});

test("what left early counts towards the mean by what it stood for", () => {
  const recorder = recorderOf();
  for (let pane = 0; pane < 10; pane++) {
    turn(recorder, { probability: 1 / 4, watchedShare: 1 });
    hit(recorder, "k", 200);
    recorder.earlyParts(1900, SEES, null);
  }
  turn(recorder, { probability: 1, watchedShare: 1 });
  hit(recorder, "k", 300);
  assert.deepEqual(recorder.earlyParts(1200, SEES, null), [], "1,500/s is not twice 800/s");
});

test("a pane that was watched for a part of its time counts as what the whole of it would have had", () => {
  const recorder = recorderOf();
  for (let pane = 0; pane < 11; pane++) {
    turn(recorder, { probability: 1, watchedShare: 1 / 4 }, 1 / 4);
    hit(recorder, "k", 200);
  }
  turn(recorder, { probability: 1, watchedShare: 1 }, 1 / 4);
  hit(recorder, "k", 160);
  assert.deepEqual(recorder.earlyParts(1200, SEES, null), []);
});
