import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Pace } from "../../../src/scans/pace.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";

const USUAL_MS = 0.3;

function paceWith(commandsPerSecondMax: number) {
  const clock = new SimulatedClock();
  const pace = new Pace({ clock, commandsPerSecondMax });
  for (let i = 0; i < 5; i++) pace.heard(USUAL_MS);
  return { clock, pace };
}

/** Sends batches as soon as they may be sent, for so long. Returns how many commands left. */
function commandsIn(ms: number, { clock, pace }: ReturnType<typeof paceWith>, batch = 50): number {
  const endMs = clock.monotonic() + ms;
  let sent = 0;
  while (clock.monotonic() < endMs) {
    clock.advance(pace.reserve(batch));
    sent += batch;
  }
  return sent;
}

describe("the pace of a scan", () => {
  test("never exceeds the budget by more than a moment's worth", () => {
    const scan = paceWith(10_000);
    for (let i = 0; i < 50; i++) scan.pace.heard(USUAL_MS);
    assert.equal(scan.pace.commandsPerSecond, 10_000);
    const sent = commandsIn(2000, scan);
    assert.ok(sent <= 10_000 * 2 + 10_000 * 0.02 + 50, `${sent} commands in 2 s`);
    assert.ok(sent >= 10_000 * 2 - 50, `${sent} commands in 2 s`);
  });

  test("starts below the budget and rises to it while the server answers as before", () => {
    const { pace } = paceWith(10_000);
    assert.equal(pace.commandsPerSecond, 2500);
    for (let i = 0; i < 20; i++) pace.heard(USUAL_MS);
    assert.equal(pace.commandsPerSecond, 10_000);
    assert.equal(pace.cuts, 0);
  });

  test("halves when answers come later than they used to, and again while they do", () => {
    const { pace } = paceWith(10_000);
    for (let i = 0; i < 20; i++) pace.heard(USUAL_MS);
    for (let i = 0; i < 3; i++) pace.heard(5);
    assert.equal(pace.commandsPerSecond, 5000);
    for (let i = 0; i < 3; i++) pace.heard(5);
    assert.equal(pace.commandsPerSecond, 2500);
    assert.equal(pace.cuts, 2);
  });

  test("comes back when the server has recovered", () => {
    const { pace } = paceWith(10_000);
    for (let i = 0; i < 30; i++) pace.heard(5);
    assert.ok(pace.commandsPerSecond < 2500);
    for (let i = 0; i < 60; i++) pace.heard(USUAL_MS);
    assert.equal(pace.commandsPerSecond, 10_000);
  });

  test("takes one late answer for nothing: this process may have been late itself", () => {
    const { pace } = paceWith(10_000);
    for (let i = 0; i < 20; i++) pace.heard(i % 3 === 0 ? 20 : USUAL_MS);
    assert.equal(pace.cuts, 0);
  });

  test("takes a rise below a millisecond for nothing, however quick the server was", () => {
    const { pace } = paceWith(10_000);
    for (let i = 0; i < 20; i++) pace.heard(USUAL_MS * 3);
    assert.equal(pace.cuts, 0);
  });

  test("ends at 100 a second, so that the scan comes to its end on the slowest server", () => {
    const { pace } = paceWith(10_000);
    for (let i = 0; i < 100; i++) pace.heard(50);
    assert.equal(pace.commandsPerSecond, 100);
  });

  test("keeps to a budget that is smaller than that", () => {
    const { pace } = paceWith(10);
    for (let i = 0; i < 100; i++) pace.heard(USUAL_MS);
    assert.equal(pace.commandsPerSecond, 10);
  });

  test("does not save up what was not used", () => {
    const scan = paceWith(1000);
    scan.clock.advance(60_000);
    const sent = commandsIn(1000, scan, 1);
    assert.ok(sent <= 1000, `${sent} commands in 1 s after a minute of rest`);
  });
});
