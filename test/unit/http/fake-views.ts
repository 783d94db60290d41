import type { ApiConfig } from "../../../src/http/api.ts";
import type { Views } from "../../../src/http/views.ts";
import type { TargetCoverage } from "../../../src/model/coverage.ts";
import type { Bounds, Heat } from "../../../src/model/heat.ts";
import type { Incident } from "../../../src/model/incident.ts";

export const AS_OF_MS = Date.UTC(2026, 10, 23, 17);

export interface HeatFields extends Partial<Omit<Heat, "key" | "counts">> {
  readonly key?: string | Uint8Array;
  readonly cluster?: string;
  readonly db?: number;
  /** Writes in the window. */
  readonly writes?: number;
}

/** The heat of a key that is only written, exactly counted, in a window of 10 s. */
export function makeHeat(fields: HeatFields = {}): Heat {
  const { key = "user:1", cluster = "default", db = 0, writes = 50_123, ...given } = fields;
  const exact = (count: number): Bounds => ({ estimate: count, lower: count, upper: count, likely: null });
  return {
    key: { cluster, db, bytes: typeof key === "string" ? Buffer.from(key) : key },
    windowMs: 10_000,
    asOfMs: AS_OF_MS,
    complete: true,
    counts: { read: exact(0), write: exact(writes), miss: exact(0), total: exact(writes) },
    clearing: { read: null, write: writes, miss: null, total: writes },
    currentRatePerSecond: 5100,
    vantages: { write: "server-events" },
    target: "127.0.0.1:6379",
    slot: null,
    shareOfTarget: 0.62,
    commands: { set: writes },
    suspect: false,
    services: {},
    absorbed: 0,
    bytes: null,
    ...given,
  };
}

export function makeCoverage(fields: Partial<TargetCoverage> = {}): TargetCoverage {
  return {
    cluster: "default",
    target: "127.0.0.1:6379",
    role: "primary",
    state: "seen",
    kinds: {
      read: { ran: 1000, observed: 500, ratio: 0.5, vantage: "clients" },
      write: { ran: null, observed: 0, ratio: null, vantage: null },
    },
    sources: [{ source: "keyspace", state: "up", sinceMs: AS_OF_MS, gaps: 0, probability: 1, reason: null }],
    ...fields,
  };
}

export function makeIncident(fields: Partial<Incident> = {}): Incident {
  return {
    id: "i-1",
    rule: "hot-key",
    severity: "warning",
    cluster: "default",
    key: { cluster: "default", db: 0, bytes: Buffer.from("user:1") },
    pattern: "user:{n}",
    kind: "total",
    windowMs: 10_000,
    target: "127.0.0.1:6379",
    slot: null,
    status: "firing",
    reason: null,
    late: false,
    reopened: 0,
    startedAtMs: AS_OF_MS,
    firedAtMs: AS_OF_MS,
    calmSinceMs: null,
    resolvedAtMs: null,
    measure: { unit: "accesses/s", value: 5012.3, threshold: 1000, baseline: null },
    ratePerSecond: 5012.3,
    currentRatePerSecond: 5100,
    peakRatePerSecond: 6000,
    mix: { read: 12.34, write: 5000, miss: 0 },
    trail: { lastMs: AS_OF_MS - 5000, rates: [120, 5100] },
    shareOfTarget: 0.62,
    count: { estimate: 50_123, lower: 50_120, upper: 50_123, likely: null },
    complete: true,
    coverage: { read: 0.5, write: 1 },
    facts: { type: "string", bytes: 120, ttlSeconds: 60, encoding: "embstr" },
    users: {},
    suspect: false,
    services: {},
    commands: {},
    advice: [],
    notified: [],
    ...fields,
  };
}

/** Views over plain data; `emit` stands for an incident that changes. */
export interface FakeViews extends Views {
  emit(incident: Incident): void;
  readonly listeners: number;
}

export function makeViews(overrides: Partial<Views> = {}): FakeViews {
  const listeners = new Set<(incident: Incident) => void>();
  return {
    windowsMs: [10_000, 60_000],
    hotkeys: () => ({ asOfMs: AS_OF_MS, complete: true, heats: [makeHeat()] }),
    incidents: () => [makeIncident()],
    incident: (id) => (id === "i-1" ? makeIncident() : undefined),
    coverage: () => [makeCoverage()],
    readiness: () => ({ ready: true, reasons: [], degraded: [] }),
    prometheus: async () => "keyheat_up 1\n",
    onIncident(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ...overrides,
    emit: (incident) => {
      for (const listener of listeners) listener(incident);
    },
    get listeners() {
      return listeners.size;
    },
  };
}

export function makeConfig(http: Partial<ApiConfig["http"]> = {}): ApiConfig {
  return { cluster: "default", http: { listen: { host: "127.0.0.1", port: 0 }, hosts: [], ...http } };
}
