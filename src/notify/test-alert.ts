import type { Incident, IncidentGroup } from "../model/incident.ts";
import { NO_TRAIL } from "../model/trail.ts";

const KEY = "keyheat:test";
const WINDOW_MS = 10_000;
const RATE_PER_SECOND = 1234;

/** A message that tries a receiver out: it is marked as a test, and its key is not there. */
export function testAlert(cluster: string, nowMs: number): IncidentGroup {
  const id = `test-${nowMs}`;
  return {
    event: "firing",
    cluster,
    id: `msg_${id}`,
    atMs: nowMs,
    incidents: [testIncident(id, cluster, nowMs)],
    more: 0,
    isTest: true,
  };
}

function testIncident(id: string, cluster: string, nowMs: number): Incident {
  const count = RATE_PER_SECOND * (WINDOW_MS / 1000);
  return {
    id,
    rule: "test",
    severity: "info",
    cluster,
    key: { cluster, db: 0, bytes: Buffer.from(KEY) },
    pattern: KEY,
    kind: "total",
    windowMs: WINDOW_MS,
    target: null,
    slot: null,
    status: "firing",
    reason: null,
    late: false,
    reopened: 0,
    startedAtMs: nowMs,
    firedAtMs: nowMs,
    calmSinceMs: null,
    resolvedAtMs: null,
    measure: { unit: "accesses/s", value: RATE_PER_SECOND, threshold: 1000, baseline: null },
    ratePerSecond: RATE_PER_SECOND,
    currentRatePerSecond: RATE_PER_SECOND,
    peakRatePerSecond: RATE_PER_SECOND,
    trail: NO_TRAIL,
    mix: { read: RATE_PER_SECOND, write: 0, miss: 0 },
    shareOfTarget: null,
    count: { estimate: count, lower: count, upper: count, likely: null },
    complete: true,
    coverage: { read: null, write: null },
    facts: null,
    services: {},
    users: {},
    suspect: false,
    commands: { get: count },
    advice: [
      {
        remedy: "local-cache",
        why: "This is a test of the receiver: nothing has happened.",
        url: "docs/advice.md#local-cache",
      },
    ],
    notified: [],
  };
}
