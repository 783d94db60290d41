import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../../src/config/load.ts";
import type { Rule } from "../../../src/config/schema.ts";
import type { TargetFare } from "../../../src/model/target-fare.ts";
import { judgeBlind } from "../../../src/rules/blind.ts";
import { judgeSkew } from "../../../src/rules/skew.ts";

function ruleOf(fields: object): Rule {
  return defaultConfig({ rules: [{ name: "r", ...fields }] }).rules[0]!;
}

/** A node that ran `perSecond` in a window of 10 s. */
function fareOf(perSecond: number | null, fields: Partial<TargetFare> = {}): TargetFare {
  return {
    cluster: "shop",
    target: "10.0.0.1:6379",
    role: "primary",
    hasSlots: true,
    state: "seen",
    watchedMs: 0,
    reason: null,
    ran: perSecond === null ? null : perSecond * 10,
    currentRanPerSecond: perSecond,
    ...fields,
  };
}

test("a node far above the mean of its peers is skewed, and one that is merely busy is not", () => {
  const rule = ruleOf({ type: "skew", threshold: 3, criticalAt: 6 });
  for (const [own, peers, verdict, severity] of [
    [6000, [2000, 2000], "hot", "warning"],
    [5999, [2000, 2000], "between", "warning"],
    [4799, [2000, 2000], "calm", "warning"],
    [12_000, [2000, 2000], "hot", "critical"],
    [1000, [0, 0], "hot", "critical"],
    [999, [0, 0], "between", "critical"],
    [799, [0, 0], "calm", "critical"],
    [null, [2000, 2000], "unknown", "warning"],
    [6000, [2000, null], "unknown", "warning"],
    [6000, [], "unknown", "warning"],
  ] as const) {
    const judgement = judgeSkew(
      rule,
      fareOf(own),
      peers.map((peer) => fareOf(peer)),
    );
    assert.equal(judgement.verdict, verdict, `${own} beside ${peers}`);
    assert.equal(judgement.severity, severity, `${own} beside ${peers}`);
  }
  assert.deepEqual(judgeSkew(rule, fareOf(6000), [fareOf(1000), fareOf(2000)]).measure, {
    unit: "ratio",
    value: 4,
    threshold: 3,
    baseline: 1500,
  });
});

test("a target is blind once nobody has watched it for the threshold, and calm only when it is seen", () => {
  const rule = ruleOf({ type: "blind", threshold: "60s", criticalAt: "10m" });
  for (const [state, unseenSeconds, verdict, severity] of [
    ["seen", 0, "calm", "warning"],
    ["stale", 60, "between", "warning"],
    ["blind", 59, "between", "warning"],
    ["blind", 60, "hot", "warning"],
    ["blind", 600, "hot", "critical"],
  ] as const) {
    const judgement = judgeBlind(rule, fareOf(null, { state }), unseenSeconds * 1000);
    assert.deepEqual(
      [judgement.verdict, judgement.severity],
      [verdict, severity],
      `${state} ${unseenSeconds}`,
    );
    assert.deepEqual(judgement.measure, {
      unit: "seconds",
      value: unseenSeconds,
      threshold: 60,
      baseline: null,
    });
  }
});

test("where a blind rule has `for`, it holds from the moment in which the target is not seen", () => {
  assert.equal(ruleOf({ type: "blind", for: "10s" }).threshold, 0);
  assert.equal(ruleOf({ type: "blind" }).threshold, 60_000);
});
