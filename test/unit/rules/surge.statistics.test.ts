import assert from "node:assert/strict";
import { test } from "node:test";
import { NoisyStream } from "../../support/noisy-stream.ts";
import { SurgeWatch, surgeRuleOf } from "../../support/surge-watch.ts";

/** From the lowest on, so that the threshold holds nothing back. */
const rule = surgeRuleOf({ window: "10s", threshold: "1/s" });
const HOUR_S = 3600;

test("noise at 20 accesses a second raises at most 0.1 alarms a key and day", () => {
  const keys = 20;
  const hours = 24;
  let alarms = 0;
  for (let seed = 1; seed <= keys; seed++) {
    const stream = new NoisyStream({ seed, perSecond: 20, scatter: 0.27 });
    const watch = new SurgeWatch(rule);
    for (let second = 0; second < hours * HOUR_S; second++) if (watch.pass(stream.next())) alarms++;
  }
  assert.ok(alarms / ((keys * hours) / 24) <= 0.1, `${alarms} alarms`);
});

test("a step to six times is seen within 3 windows, whatever the moment", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const stream = new NoisyStream({ seed, perSecond: 20, scatter: 0.27 });
    const watch = new SurgeWatch(rule);
    for (let second = 0; second < 600 + seed; second++) watch.pass(stream.next());
    let delayS = 1;
    while (delayS <= 3 * watch.windowS && !watch.pass(stream.next(6))) delayS++;
    assert.ok(delayS <= 3 * watch.windowS, `key ${seed}: not within 30 s`);
  }
});
