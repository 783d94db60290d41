import assert from "node:assert/strict";
import { test } from "node:test";
import { JudgedTraffic } from "../support/judged-traffic.ts";
import type { Row } from "../support/parts.ts";

const SURGE = { name: "surge", type: "surge", window: "10s", keepFiringFor: "5s", cooldown: "1s" };
/** 30 windows, and 3 that the mean lags behind. */
const WARM_UP_S = 340;

const writes = (perSecond: number, key = "k"): Row => ({ key, write: perSecond });

/** A key that has had its usual load for long enough. */
function warmed(usual: number, rule: object = {}) {
  const traffic = new JudgedTraffic([{ ...SURGE, ...rule }]);
  traffic.pass(WARM_UP_S, { rows: [writes(usual)] });
  traffic.mark();
  return traffic;
}

for (const { what, usual, after, fires } of [
  { what: "a step to six times", usual: 50, after: 300, fires: true },
  { what: "a step to three times, which the windows reach in the end", usual: 100, after: 310, fires: true },
  { what: "a step to less than three times", usual: 100, after: 290, fires: false },
  { what: "a step to six times below the threshold", usual: 10, after: 60, fires: false },
  { what: "a step of a key that was not there before", usual: 0, after: 150, fires: true },
  { what: "a key that was not there before, below the threshold", usual: 0, after: 90, fires: false },
]) {
  test(`${what} ${fires ? "is" : "is no"} surge`, () => {
    const traffic = warmed(usual);
    traffic.pass(30, { rows: [writes(after)] });
    assert.equal(traffic.states[0]?.startsWith("firing") ?? false, fires, traffic.states.join());
  });
}

test("a step to six times is seen after half a window, and says what is usual", () => {
  const traffic = warmed(50);
  traffic.pass(10, { rows: [writes(300)] });
  // After 4 s the window holds three times as many as usual; the second hop that says so fires.
  assert.deepEqual(traffic.states, ["firing +5"]);
  const { measure } = traffic.incident!;
  assert.equal(measure.unit, "accesses/s");
  assert.equal(measure.baseline, 50);
  assert.equal(measure.threshold, 150);
  assert.ok(measure.value! >= 150);
});

test("one window that is hot for a moment is no surge", () => {
  const traffic = warmed(50, { window: "1s", threshold: "100/s" });
  traffic.pass(1, { rows: [writes(600)] });
  traffic.pass(20, { rows: [writes(50)] });
  assert.deepEqual(traffic.states, []);
});

test("it resolves when it is surely below half of what it was held against, three hops long", () => {
  const traffic = warmed(100);
  traffic.pass(30, { rows: [writes(600)] });
  traffic.mark();
  traffic.pass(60, { rows: [writes(160)] });
  assert.deepEqual(traffic.states, [], "above half");
  traffic.mark();
  traffic.pass(30, { rows: [writes(100)] });
  const [recovering, resolved] = traffic.states;
  assert.match(recovering!, /^recovering/);
  assert.match(resolved!, /^resolved \(cooled\)/);
});

test("what is usual stands still while the surge lasts, and its level is adopted after half an hour", () => {
  const traffic = warmed(100);
  traffic.pass(1700, { rows: [writes(600)] });
  assert.equal(traffic.incident!.status, "firing");
  assert.equal(traffic.incident!.measure.baseline, 100);
  traffic.pass(200, { rows: [writes(600)] });
  assert.equal(traffic.incident!.measure.baseline, 600);
  assert.equal(traffic.incident!.status, "resolved");
  traffic.mark();
  traffic.pass(60, { rows: [writes(600)] });
  assert.deepEqual(traffic.states, [], "it is usual now");
});

test("nothing surges before the warm-up is over, also not after a restart", () => {
  const traffic = new JudgedTraffic([SURGE]);
  traffic.pass(60, { rows: [writes(50)] });
  traffic.pass(60, { rows: [writes(500)] });
  assert.deepEqual(traffic.states, []);
});

test("an incident of before a restart clears by the baseline that it says itself", () => {
  const before = warmed(100);
  before.pass(30, { rows: [writes(600)] });
  const traffic = new JudgedTraffic([SURGE], [before.incident!]);
  traffic.pass(20, { rows: [writes(600)] });
  assert.equal(traffic.incident!.status, "firing");
  traffic.pass(40, { rows: [writes(100)] });
  assert.equal(traffic.incident!.status, "resolved");
});

test("seconds of which nothing is known neither lower what is usual nor end a surge", () => {
  const traffic = warmed(100);
  traffic.pass(300, { isLost: true });
  traffic.pass(15, { rows: [writes(100)] });
  traffic.pass(30, { rows: [writes(250)] });
  assert.deepEqual(traffic.states, [], "250/s is less than three times the usual 100/s");
  traffic.pass(15, { rows: [writes(900)] });
  assert.equal(traffic.incident!.status, "firing");
  traffic.pass(50, { isLost: true });
  assert.equal(traffic.incident!.status, "firing");
});

test("what the sketch may have hidden of a key is no news", () => {
  const traffic = new JudgedTraffic([SURGE]);
  const others = Array.from({ length: 20 }, (_, i) => writes(300, `other:${i}`));
  traffic.pass(WARM_UP_S, { rows: others, part: { floor: 100 } });
  traffic.mark();
  // It may have had 100/s all the time.
  traffic.pass(20, { rows: [...others, { ...writes(280), error: 0 }], part: { floor: 100 } });
  assert.deepEqual(traffic.states, []);
  traffic.pass(20, { rows: [...others, writes(900)], part: { floor: 100 } });
  assert.match(traffic.states[0]!, /^firing/);
});

test("it judges its own kind", () => {
  const traffic = warmed(100, { kind: "miss" });
  traffic.pass(20, { rows: [writes(900)] });
  assert.deepEqual(traffic.states, []);
  traffic.pass(20, { rows: [{ key: "k", write: 100, read: 500, miss: 500 }] });
  assert.match(traffic.states[0]!, /^firing/);
});

test("an incident whose key has cooled resolves, also where more keys are hotter by then than have baselines", () => {
  const others = (perSecond: number) =>
    Array.from({ length: 2300 }, (_, i) => writes(perSecond + (i % 7), `other:${i}`));
  const traffic = new JudgedTraffic([SURGE]);
  traffic.pass(WARM_UP_S, { rows: others(30) });
  traffic.pass(20, { rows: [...others(30), writes(900)] });
  assert.equal(traffic.incident!.status, "firing");
  traffic.pass(60, { rows: others(70) });
  assert.equal(traffic.incident!.status, "resolved");
  assert.equal(traffic.incident!.reason, "cooled");
});

test("hops that close together are one look at a surge", () => {
  const traffic = warmed(100, { window: "1s" });
  traffic.pass(10, { rows: [writes(600)] });
  traffic.mark();
  traffic.pass(1, { rows: [writes(600)], isDelayed: true });
  traffic.pass(2, { rows: [writes(100)] });
  traffic.pass(10, { rows: [writes(600)] });
  assert.deepEqual(traffic.states, [], "it was calm for two hops");
});

for (const { what, rule } of [
  { what: "matches its key no more", rule: { ...SURGE, match: { key: "other:*" } } },
  { what: "looks at another kind", rule: { ...SURGE, kind: "read" } },
  { what: "judges servers", rule: { name: "surge", type: "blind" } },
]) {
  test(`an incident of before a restart ends where the rule of its name ${what}`, () => {
    const before = warmed(100);
    before.pass(30, { rows: [writes(600)] });
    const traffic = new JudgedTraffic([rule], [before.incident!]);
    traffic.pass(1, { rows: [writes(600)] });
    assert.equal(traffic.incident!.status, "resolved");
    assert.equal(traffic.incident!.reason, "decommissioned");
  });
}

/** The wall clock goes back by an hour: agents begin another epoch. */
function setBack(traffic: JudgedTraffic) {
  traffic.clock.setBack(3_600_000);
  traffic.epoch++;
}

test("a surge after the wall clock was set back is seen", () => {
  const traffic = warmed(100);
  setBack(traffic);
  traffic.pass(30, { rows: [writes(100)] });
  assert.deepEqual(traffic.states, []);
  traffic.pass(15, { rows: [writes(600)] });
  assert.equal(traffic.incident?.status, "firing");
});

test("an incident of before the wall clock was set back is judged on", () => {
  const traffic = warmed(100);
  traffic.pass(30, { rows: [writes(600)] });
  setBack(traffic);
  traffic.pass(60, { rows: [writes(100)] });
  assert.equal(traffic.incident!.status, "resolved");
});

test("an incident of a rule that was of another type before resolves by the threshold", () => {
  const before = new JudgedTraffic([{ ...SURGE, type: "rate", threshold: "500/s" }]);
  before.pass(20, { rows: [writes(900)] });
  assert.equal(before.incident!.status, "firing");
  const traffic = new JudgedTraffic([SURGE], [before.incident!]);
  traffic.pass(30, { rows: [writes(10, "other")] });
  assert.equal(traffic.incident!.status, "resolved");
  assert.equal(traffic.incident!.reason, "cooled");
});

test("keys that no rule judges take no place of those that one does, however many stand out", () => {
  const sessions = (perSecond: number) =>
    Array.from({ length: 600 }, (_, i) => writes(perSecond, `session:${i}`));
  const traffic = new JudgedTraffic([{ ...SURGE, match: { key: "flag:*" } }]);
  traffic.pass(WARM_UP_S, { rows: [...sessions(50), writes(50, "flag:x")] });
  traffic.mark();
  traffic.pass(20, { rows: [...sessions(900), writes(300, "flag:x")] });
  assert.match(traffic.states[0]!, /^firing/);
});
