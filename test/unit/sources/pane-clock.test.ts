import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/runtime/clock.ts";
import { PaneClock } from "../../../src/sources/pane-clock.ts";

/** A wall clock that can be set apart from the monotonic one. */
function settableClock(startMs: number) {
  let elapsedMs = 0;
  let shiftMs = 0;
  const clock: Clock = {
    now: () => startMs + elapsedMs + shiftMs,
    monotonic: () => elapsedMs,
    after: () => assert.fail("nothing waits here"),
  };
  return {
    clock,
    pass: (ms: number) => {
      elapsedMs += ms;
    },
    set: (ms: number) => {
      shiftMs += ms;
    },
  };
}

test("panes are aligned to the wall clock, and each opens once", () => {
  const { clock, pass } = settableClock(10_300);
  const panes = new PaneClock(clock, 1000);
  assert.equal(panes.openMs, 10_000);
  pass(600);
  assert.equal(panes.tick().opens, null);
  pass(150);
  const opened = { nowMs: 11_050, opens: 11_000, closes: 10_000, epoch: 10_300, hasJumped: false };
  assert.deepEqual(panes.tick(), opened);
  assert.equal(panes.tick().opens, null);
});

test("a stall opens the pane of now, not those that were slept through", () => {
  const { clock, pass } = settableClock(10_000);
  const panes = new PaneClock(clock, 1000);
  pass(4700);
  assert.equal(panes.tick().opens, 14_000);
});

test("a jump of the wall clock, either way, begins a new epoch and closes the open pane", () => {
  const { clock, pass, set } = settableClock(1_000_000);
  const panes = new PaneClock(clock, 1000);
  const epochs = [panes.epoch];
  set(60_000);
  const forward = panes.tick();
  assert.equal(forward.hasJumped, true);
  assert.equal(forward.opens, 1_060_000);
  epochs.push(forward.epoch);
  set(-120_000);
  const back = panes.tick();
  assert.equal(back.hasJumped, true);
  assert.equal(back.opens, 940_000);
  epochs.push(back.epoch);
  pass(100);
  assert.equal(panes.tick().hasJumped, false);
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].sort((a, b) => a - b),
    "epochs only ever grow",
  );
});

test("slow drift is followed without a new epoch", () => {
  const { clock, pass, set } = settableClock(0);
  const panes = new PaneClock(clock, 1000);
  const { epoch } = panes;
  for (let i = 0; i < 50; i++) {
    pass(200);
    set(20);
    assert.equal(panes.tick().hasJumped, false);
  }
  assert.equal(panes.epoch, epoch);
});
