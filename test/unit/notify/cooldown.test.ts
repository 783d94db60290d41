import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Notified } from "../../../src/model/incident.ts";
import { dueNotice, HEARD_NOTHING, heardOf } from "../../../src/notify/cooldown.ts";
import { incidentOf } from "../incidents/samples.ts";

const COOLDOWN_MS = 300_000;

function entry(changes: Partial<Notified> = {}): Notified {
  return {
    receiver: "hook",
    atMs: 1000,
    outcome: "delivered",
    event: "firing",
    severity: "warning",
    ...changes,
  };
}

function due(
  incident = incidentOf(),
  notified: readonly Notified[] = [],
  cooldownMs = COOLDOWN_MS,
  isRouted = true,
) {
  return dueNotice(incident, heardOf(notified, "hook"), cooldownMs, isRouted);
}

describe("what a receiver is owed", () => {
  it("is the first message at once, and nothing of what is pending or not routed to it", () => {
    assert.deepEqual(due(), { cause: "first", atMs: 0 });
    assert.equal(due(incidentOf({ status: "pending" })), null);
    assert.equal(due(incidentOf({ reason: "stale" })), null);
    assert.equal(due(incidentOf(), [], COOLDOWN_MS, false), null);
  });

  it("is judged by its own entries in the log", () => {
    assert.deepEqual(heardOf([entry({ receiver: "other" })], "hook"), HEARD_NOTHING);
  });

  it("is a reminder after the cooldown, of what fires and is seen", () => {
    assert.deepEqual(due(incidentOf(), [entry()]), { cause: "reminder", atMs: 301_000 });
    assert.equal(due(incidentOf({ status: "recovering" }), [entry()]), null);
    assert.equal(due(incidentOf({ reason: "stale" }), [entry()]), null);
  });

  it("is no stream of reminders where there is no cooldown", () => {
    assert.deepEqual(due(incidentOf(), [entry()], 0), { cause: "reminder", atMs: 301_000 });
    assert.deepEqual(due(incidentOf(), [entry()], 10), { cause: "reminder", atMs: 2000 });
  });

  it("is a message at once when severity rose above the worst it has been told", () => {
    const critical = incidentOf({ severity: "critical" });
    assert.deepEqual(due(critical, [entry()]), { cause: "rise", atMs: 0 });
    const log = [entry({ severity: "critical" }), entry({ atMs: 2000 })];
    assert.equal(due(critical, log)?.cause, "reminder");
  });

  it("waits a cooldown after a refusal, unless severity rises", () => {
    const refused = entry({ outcome: "failed" });
    assert.deepEqual(due(incidentOf(), [refused]), { cause: "first", atMs: 301_000 });
    assert.deepEqual(due(incidentOf({ severity: "critical" }), [refused]), { cause: "first", atMs: 0 });
    const refusedReminder = [entry(), entry({ outcome: "failed", atMs: 301_000 })];
    assert.deepEqual(due(incidentOf(), refusedReminder), { cause: "reminder", atMs: 601_000 });
  });

  it("is the end, once, after the cooldown, and only if it heard of the beginning", () => {
    const resolved = incidentOf({ status: "resolved", resolvedAtMs: 40_000 });
    assert.deepEqual(due(resolved, [entry()]), { cause: "resolve", atMs: 301_000 });
    assert.deepEqual(due(resolved, [entry()], COOLDOWN_MS, false), { cause: "resolve", atMs: 301_000 });
    assert.equal(due(resolved, []), null);
    assert.equal(due(resolved, [entry({ outcome: "failed" })]), null);
    assert.equal(due(resolved, [entry(), entry({ event: "resolved" })]), null);
    assert.equal(due(resolved, [entry(), entry({ event: "resolved", outcome: "failed" })]), null);
  });
});
