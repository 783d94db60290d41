import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MonitorGuard, type StopReason } from "../../../../src/scans/monitor/guard.ts";

const CALM = { lagMs: 0, unansweredMs: 0 };

/** When, and why, a guard ends a watch of a server that runs `rateAt(ms)` commands a second; `null`: it does not. */
function stopOf(
  before: number,
  rateAt: (ms: number) => number,
  lengthMs: number,
): { readonly atMs: number; readonly reason: StopReason } | null {
  const guard = new MonitorGuard(before);
  let commands = 1_000_000;
  for (let atMs = 0; atMs <= lengthMs; atMs += 200) {
    guard.take({ atMs, commands, outputBytes: 0 });
    const reason = guard.judge(CALM);
    if (reason !== null) return { atMs, reason };
    commands += rateAt(atMs) / 5;
  }
  return null;
}

describe("the guard of MONITOR", () => {
  it("ends it within a second when the server runs a quarter less than before", () => {
    assert.deepEqual(
      stopOf(10_000, () => 7400, 10_000),
      { atMs: 600, reason: "ops-drop" },
    );
    const drop = stopOf(10_000, (ms) => (ms < 5000 ? 10_000 : 0), 10_000);
    assert.equal(drop?.reason, "ops-drop");
    assert.ok(drop !== null && drop.atMs > 5000 && drop.atMs <= 6000);
  });

  it("lets it go on while the server runs less than a quarter less, or more", () => {
    assert.equal(
      stopOf(10_000, () => 7600, 60_000),
      null,
    );
    assert.equal(
      stopOf(10_000, () => 40_000, 60_000),
      null,
    );
  });

  it("takes longer for its verdict where a server runs few commands, so that chance is none", () => {
    assert.equal(
      stopOf(40, () => 0, 9800),
      null,
    );
    assert.deepEqual(
      stopOf(40, () => 0, 20_000),
      { atMs: 10_000, reason: "ops-drop" },
    );
  });

  it("never ends it for an idle server", () => {
    assert.equal(
      stopOf(0, () => 0, 60_000),
      null,
    );
  });

  it("ends it when the server holds back more than 8 MiB for us", () => {
    const guard = new MonitorGuard(100);
    guard.take({ atMs: 0, commands: 0, outputBytes: 8 * 2 ** 20 });
    assert.equal(guard.judge(CALM), null);
    guard.take({ atMs: 200, commands: 20, outputBytes: 8 * 2 ** 20 + 1 });
    assert.equal(guard.judge(CALM), "output-buffer");
  });

  it("ends it when lines are read more than a second late, or the server does not answer for a second", () => {
    const guard = new MonitorGuard(100);
    assert.equal(guard.judge({ lagMs: 1000, unansweredMs: 1000 }), null);
    assert.equal(guard.judge({ lagMs: 1001, unansweredMs: 0 }), "slow-reader");
    assert.equal(guard.judge({ lagMs: 0, unansweredMs: 1001 }), "unwatched");
  });
});
