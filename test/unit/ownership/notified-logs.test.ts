import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notified } from "../../../src/model/incident.ts";
import { NotifiedLogs } from "../../../src/ownership/notified-logs.ts";

function told(atMs: number, outcome: Notified["outcome"]): Notified {
  return { receiver: "hook", atMs, outcome, event: "firing", severity: "warning" };
}

test("that a receiver heard of an incident outlives any number of reminders that it refuses", () => {
  const logs = new NotifiedLogs();
  const authority = { cluster: "shop", bucket: 0, term: 1, instance: "one" };
  logs.adopt("i-1");
  for (let atMs = 0; atMs < 200; atMs++) {
    const entries = [...logs.of("i-1", "hook"), told(atMs, atMs === 0 ? "delivered" : "failed")];
    logs.unite({ type: "notified", authority, incidentId: "i-1", receiver: "hook", entries });
  }
  const all = logs.of("i-1", "hook");
  assert.equal(all.length, 64);
  assert.deepEqual(all[0], told(0, "delivered"));
  assert.deepEqual(all.at(-1), told(199, "failed"));
});
