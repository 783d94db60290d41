import assert from "node:assert/strict";
import { test } from "node:test";
import { QuietRounds } from "../../../../src/transport/kafka/quiet-rounds.ts";

/** Rounds of one node, each of a length in ms and with so many bytes, from time 1000 on. */
function roundsOf(
  rounds: readonly (readonly [lengthMs: number, bytes: number])[],
  node = 1,
  quiet = new QuietRounds(1000),
) {
  let nowMs = 1000;
  for (const [lengthMs, bytes] of rounds) {
    quiet.fetchStarted(node, nowMs);
    nowMs += lengthMs;
    quiet.fetched(node, lengthMs);
    quiet.received(bytes);
  }
  quiet.fetchStarted(node, nowMs);
  return quiet;
}

test("two whole rounds that began later make it quiet", () => {
  assert.equal(roundsOf([[1000, 0]]).areQuietSince(0), false);
  assert.equal(
    roundsOf([
      [1000, 0],
      [1000, 0],
    ]).areQuietSince(999),
    true,
  );
  // The first one was under way already.
  assert.equal(
    roundsOf([
      [1000, 0],
      [1000, 0],
    ]).areQuietSince(1000),
    false,
  );
});

test("rounds that brought something of other partitions count, however short", () => {
  assert.equal(
    roundsOf([
      [5, 10],
      [5, 10],
    ]).areQuietSince(999),
    true,
  );
});

test("an empty round that ended early, and one that was full, do not count", () => {
  assert.equal(
    roundsOf([
      [1000, 0],
      [3, 0],
    ]).areQuietSince(999),
    false,
  );
  assert.equal(
    roundsOf([
      [5, 10],
      [5, 9e6],
    ]).areQuietSince(999),
    false,
  );
  assert.equal(
    roundsOf([
      [3, 0],
      [1000, 0],
      [1000, 0],
    ]).areQuietSince(999),
    true,
  );
});

test("each node must have been asked, and none is known after a rebalance", () => {
  const quiet = roundsOf([
    [1000, 0],
    [1000, 0],
  ]);
  quiet.fetchStarted(2, 1500);
  assert.equal(quiet.areQuietSince(999), false);
  roundsOf(
    [
      [1000, 0],
      [1000, 0],
      [1000, 0],
    ],
    2,
    quiet,
  );
  assert.equal(quiet.areQuietSince(999), true);
  quiet.clear();
  assert.equal(quiet.areQuietSince(0), false);
});
