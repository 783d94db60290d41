import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  lastPagedMs,
  NOTIFIED_KEPT,
  owesResolve,
  withNotified,
} from "../../../src/incidents/notification-log.ts";
import type { Incident, Notified } from "../../../src/model/incident.ts";
import { incidentOf } from "./samples.ts";

function entry(
  receiver: string,
  event: Notified["event"],
  atMs: number,
  outcome: Notified["outcome"] = "delivered",
) {
  return { receiver, event, atMs, outcome, severity: "warning" } as const;
}

describe("the log of notifications", () => {
  it("knows when somebody was last paged", () => {
    assert.equal(lastPagedMs([]), null);
    assert.equal(lastPagedMs([entry("a", "firing", 9, "failed"), entry("a", "resolved", 8)]), null);
    assert.equal(lastPagedMs([entry("a", "firing", 7), entry("b", "firing", 5)]), 7);
  });

  it("owes a resolve to those who heard of the firing and were not told of its end", () => {
    const resolved = (...notified: Notified[]) => incidentOf({ status: "resolved", notified });
    assert.equal(owesResolve(resolved()), false);
    assert.equal(owesResolve(resolved(entry("a", "firing", 1, "failed"))), false);
    assert.equal(owesResolve(resolved(entry("a", "firing", 1))), true);
    assert.equal(owesResolve(resolved(entry("a", "firing", 1), entry("b", "resolved", 2))), true);
    assert.equal(owesResolve(resolved(entry("a", "firing", 1), entry("a", "resolved", 2))), false);
    assert.equal(owesResolve(incidentOf({ notified: [entry("a", "firing", 1)] })), false);
  });

  it("stays short however often a receiver is reminded, and forgets no receiver", () => {
    let incident: Incident = withNotified(incidentOf(), entry("quiet", "firing", 0));
    for (let n = 1; n <= 500; n++) incident = withNotified(incident, entry("hook", "firing", n));
    assert.equal(incident.notified.length, NOTIFIED_KEPT);
    assert.deepEqual(incident.notified[0], entry("quiet", "firing", 0));
    assert.deepEqual(incident.notified.at(-1), entry("hook", "firing", 500));
  });
});
