import type { IncidentRule, Observation } from "../../../src/incidents/lifecycle.ts";
import { exactly, type Heat } from "../../../src/model/heat.ts";
import type { Incident, Severity } from "../../../src/model/incident.ts";
import type { Measure } from "../../../src/model/measure.ts";
import { NO_TRAIL } from "../../../src/model/trail.ts";
import type { Verdict } from "../../../src/model/verdict.ts";

export const START_MS = Date.UTC(2026, 10, 23, 17);

export const RULE: IncidentRule = {
  name: "hot-key",
  kind: "total",
  for: 0,
  keepFiringFor: 30_000,
  cooldown: 300_000,
};

export const EXTRAS: Observation["extras"] = {
  pattern: "user:{n}",
  facts: null,
  coverage: { read: null, write: 1 },
};

export const MEASURE: Measure = { unit: "accesses/s", value: 2000, threshold: 1000, baseline: null };

interface HeatSample {
  readonly key?: string;
  readonly atMs?: number;
  readonly writes?: number;
  readonly reads?: number;
  readonly misses?: number;
  readonly commands?: Record<string, number>;
  readonly currentRatePerSecond?: number;
  readonly complete?: boolean;
}

/** Heat of a key in a window of 10 s, exactly counted. */
export function heatOf(sample: HeatSample = {}): Heat {
  const {
    key = "user:1",
    atMs = START_MS,
    writes = 20_000,
    reads = 0,
    misses = 0,
    commands = { set: writes },
  } = sample;
  const total = writes + reads;
  return {
    key: { cluster: "shop", db: 0, bytes: Buffer.from(key) },
    windowMs: 10_000,
    asOfMs: atMs,
    complete: sample.complete ?? true,
    counts: { read: exactly(reads), write: exactly(writes), miss: exactly(misses), total: exactly(total) },
    clearing: { read: reads, write: writes, miss: misses, total },
    currentRatePerSecond: sample.currentRatePerSecond ?? total / 10,
    vantages: { write: "server-events" },
    target: "127.0.0.1:6379",
    slot: null,
    shareOfTarget: 0.5,
    commands,
    suspect: false,
    services: {},
    absorbed: 0,
    bytes: null,
  };
}

export function observation(verdict: Verdict, severity: Severity = "warning", heat = heatOf()): Observation {
  return { sight: heat, verdict, severity, measure: MEASURE, extras: EXTRAS };
}

/** An incident that fires, as notification sees it. */
export function incidentOf(changes: Partial<Incident> & { readonly name?: string } = {}): Incident {
  const { name = "user:1", ...rest } = changes;
  return {
    id: `incident-of-${name}`,
    rule: "hot-key",
    severity: "warning",
    cluster: "shop",
    key: { cluster: "shop", db: 0, bytes: Buffer.from(name) },
    pattern: "user:{n}",
    kind: "total",
    windowMs: 10_000,
    target: "127.0.0.1:6379",
    slot: null,
    status: "firing",
    reason: null,
    late: false,
    reopened: 0,
    startedAtMs: START_MS,
    firedAtMs: START_MS,
    calmSinceMs: null,
    resolvedAtMs: null,
    measure: MEASURE,
    ratePerSecond: 2000,
    currentRatePerSecond: 2100,
    peakRatePerSecond: 2500,
    trail: NO_TRAIL,
    mix: { read: 0, write: 2000, miss: 0 },
    shareOfTarget: 0.5,
    count: exactly(20_000),
    complete: true,
    coverage: { read: null, write: 1 },
    facts: null,
    users: {},
    suspect: false,
    services: {},
    commands: { set: 20_000 },
    advice: [],
    notified: [],
    ...rest,
  };
}
