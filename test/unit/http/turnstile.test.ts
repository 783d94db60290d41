import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Turnstile } from "../../../src/http/turnstile.ts";

function busyFor(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test("few tasks run at once", () => {
  const turnstile = new Turnstile(1000);
  assert.equal(
    turnstile.run(() => 7),
    7,
  );
  assert.throws(() =>
    turnstile.run(() => {
      throw new Error("bad");
    }),
  );
});

test("many tasks run in order, a slice in each turn, and timers between", async () => {
  const turnstile = new Turnstile(10);
  const done: number[] = [];
  const results = Array.from({ length: 40 }, (_, i) =>
    turnstile.run(() => {
      busyFor(2);
      done.push(i);
      return i;
    }),
  );
  assert.ok(done.length >= 1 && done.length <= 6, `${done.length} at once`);
  assert.equal(turnstile.waiting, 40 - done.length);
  let turns = 0;
  let most = 0;
  while (turnstile.waiting > 0) {
    const before = done.length;
    await nextTurn();
    turns++;
    most = Math.max(most, done.length - before);
  }
  assert.ok(turns >= 6, `${turns} turns`);
  assert.ok(most <= 6, `${most} tasks in a turn`);
  assert.deepEqual(
    await Promise.all(results),
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.deepEqual(
    done,
    Array.from({ length: 40 }, (_, i) => i),
  );
});

test("a task that fails while it waited fails alone", async () => {
  const turnstile = new Turnstile(0);
  const failing = turnstile.run(() => {
    throw new Error("bad");
  });
  const fine = turnstile.run(() => "fine");
  await assert.rejects(async () => failing, /bad/);
  assert.equal(await fine, "fine");
});
