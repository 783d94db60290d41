import assert from "node:assert/strict";
import { test } from "node:test";
import { Pauses } from "../../../../../src/client/remedies/early-refresh/pauses.ts";
import { SimulatedClock } from "../../../../support/simulated-clock.ts";

test("a pause ends after its length, or when it is ended", () => {
  const clock = new SimulatedClock();
  const pauses = new Pauses(clock);
  pauses.begin("a", 1000);
  pauses.begin("b", 1000);
  pauses.end("b");
  assert.deepEqual([pauses.isOn("a"), pauses.isOn("b"), pauses.isOn("c")], [true, false, false]);
  clock.advance(999);
  assert.equal(pauses.isOn("a"), true);
  clock.advance(1);
  assert.equal(pauses.isOn("a"), false);
});

test("of more than 1,024 the oldest are forgotten", () => {
  const pauses = new Pauses(new SimulatedClock());
  for (let i = 0; i < 1025; i++) pauses.begin(`k${i}`, 1000);
  assert.deepEqual([pauses.isOn("k0"), pauses.isOn("k1"), pauses.isOn("k1024")], [false, true, true]);
});
