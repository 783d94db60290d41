import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplayClock } from "../../../src/runtime/replay-clock.ts";
import fc from "../../support/fast-check.ts";

test("timers fire in the order of their time, those of one time in that in which they were set", async () => {
  const delays = fc.array(fc.nat(50), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(delays, async (delaysMs) => {
      const clock = new ReplayClock(1000);
      const fired: { readonly index: number; readonly atMs: number }[] = [];
      for (const [index, delayMs] of delaysMs.entries()) {
        clock.after(delayMs, () => fired.push({ index, atMs: clock.now() }));
      }
      await clock.advanceTo(1100);
      const expected = delaysMs
        .map((delayMs, index) => ({ index, atMs: 1000 + delayMs }))
        .sort((one, other) => one.atMs - other.atMs || one.index - other.index);
      assert.deepEqual(fired, expected);
      assert.equal(clock.now(), 1100);
    }),
    { numRuns: 50 },
  );
});

test("what hangs on promises runs to its end before the next timer fires", async () => {
  const clock = new ReplayClock(0);
  const events: string[] = [];
  clock.after(10, () => {
    void (async () => {
      for (let hop = 0; hop < 5; hop++) await null;
      events.push(`promise at ${clock.now()}`);
    })();
  });
  clock.after(20, () => events.push("timer"));
  await clock.advanceTo(30);
  assert.deepEqual(events, ["promise at 10", "timer"]);
});

test("a timer that a timer sets fires in the same advance; a cancelled one does not; time never goes back", async () => {
  const clock = new ReplayClock(500);
  const events: string[] = [];
  const cancel = clock.after(5, () => events.push("cancelled"));
  clock.after(10, () => {
    cancel();
    clock.after(10, () => events.push(`second at ${clock.monotonic()}`));
  });
  cancel();
  await clock.advanceTo(519);
  assert.deepEqual(events, []);
  await clock.advanceTo(520);
  await clock.advanceTo(400);
  assert.deepEqual(events, ["second at 20"]);
  assert.equal(clock.now(), 520);
});
