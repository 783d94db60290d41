import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../../../src/notify/delivery.ts";
import type { Notice } from "../../../src/notify/notice.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { incidentOf } from "../incidents/samples.ts";
import { brokenDown, FakeReceiver } from "./fake-receiver.ts";

const noticeOf = (incidentId: string): Notice => ({
  incidentId,
  receiver: "hook",
  cluster: "default",
  cause: "first",
  severity: "warning",
  afterMs: 0,
  state: "waiting",
});

function deliveryTo(receiver: FakeReceiver, clock: SimulatedClock, mayTell: (cluster: string) => boolean) {
  const events = {
    compose: () => [incidentOf()],
    threadOf: () => ({}),
    folded: () => ({}),
    delivered: () => {},
    failed: () => {},
    postponed: () => {},
    mayTell,
  };
  return new Delivery(receiver, { clock, logger: silentLogger, events });
}

test("what waits behind other messages at the end is not sent once another process tells of the cluster", async () => {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("hook", clock);
  let mayTell = true;
  const delivery = deliveryTo(receiver, clock, () => mayTell);
  for (const id of ["a", "b", "c", "d", "e", "f"]) delivery.accept([noticeOf(id)]);
  mayTell = false;
  await delivery.close(1000);
  assert.equal(receiver.attempts.length, 4, "those that were under way");
});

test("messages begin as far from each other as their service asks, retries among them", async () => {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("slack", clock, { minIntervalMs: 1000 });
  receiver.answer = (_, attempt) => (attempt === 1 ? brokenDown : "take");
  const startMs = clock.now();
  const delivery = deliveryTo(receiver, clock, () => true);
  for (const id of ["a", "b", "c"]) delivery.accept([noticeOf(id)]);
  await clock.pass(10_000);
  const begun = receiver.attempts.map(({ atMs }) => atMs - startMs);
  assert.deepEqual(begun, [0, 1000, 2000, 3000]);
  assert.equal(receiver.taken.length, 3);
});

test("messages of a cluster of which another process tells hold up no others", async () => {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("slack", clock, { minIntervalMs: 1000 });
  const delivery = deliveryTo(receiver, clock, (cluster) => cluster !== "elsewhere");
  for (const id of ["a", "b", "c"]) delivery.accept([{ ...noticeOf(id), cluster: "elsewhere" }]);
  delivery.accept([noticeOf("d")]);
  await clock.pass(1);
  assert.deepEqual(
    receiver.taken.map(({ group }) => group.cluster),
    ["default"],
  );
});

test("at the end, messages that keep their distance are still sent, as far as the time suffices", async () => {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("slack", clock, { minIntervalMs: 1000 });
  const delivery = deliveryTo(receiver, clock, () => true);
  for (const id of ["a", "b", "c", "d"]) delivery.accept([noticeOf(id)]);
  const closed = delivery.close(2500);
  await clock.pass(5000);
  await closed;
  assert.equal(receiver.taken.length, 3);
  assert.equal(receiver.isClosed, true);
});
