import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../../../src/notify/delivery.ts";
import type { Notice } from "../../../src/notify/notice.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { incidentOf } from "../incidents/samples.ts";
import { FakeReceiver } from "./fake-receiver.ts";

const noticeOf = (incidentId: string): Notice => ({
  incidentId,
  receiver: "hook",
  cluster: "default",
  cause: "first",
  severity: "warning",
  afterMs: 0,
  state: "waiting",
});

test("what waits behind other messages at the end is not sent once another process tells of the cluster", async () => {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("hook", clock);
  let mayTell = true;
  const events = {
    compose: () => [incidentOf()],
    folded: () => ({}),
    delivered: () => {},
    failed: () => {},
    postponed: () => {},
    mayTell: () => mayTell,
  };
  const delivery = new Delivery(receiver, { clock, logger: silentLogger, events });
  for (const id of ["a", "b", "c", "d", "e", "f"]) delivery.accept([noticeOf(id)]);
  mayTell = false;
  await delivery.close(1000);
  assert.equal(receiver.attempts.length, 4, "those that were under way");
});
