import type { KindCoverage, TargetCoverage } from "../../../src/model/coverage.ts";
import type { Demand } from "../../../src/model/demand.ts";
import type { Heat } from "../../../src/model/heat.ts";
import type { ClusterHeats, HeatSnapshot } from "../../../src/model/heat-snapshot.ts";
import type { HotSet } from "../../../src/model/hot-set.ts";
import type { Incident, Notified } from "../../../src/model/incident.ts";
import type { Measure } from "../../../src/model/measure.ts";
import type { Silence, SilenceMatchers } from "../../../src/model/silence.ts";
import type { StateRecord } from "../../../src/model/state-record.ts";
import fc, { type Arbitrary } from "../../support/fast-check.ts";
import {
  authority,
  bounds,
  db,
  facts,
  keyBytes,
  name,
  named,
  orNull,
  real,
  record,
  report,
  slot,
  small,
  sourceStatus,
  vantage,
} from "./arbitraries.ts";

const key = record({ cluster: name, db, bytes: keyBytes });
const clearing = orNull(real);

const heat: Arbitrary<Heat> = record({
  key,
  windowMs: real,
  asOfMs: real,
  complete: fc.boolean(),
  counts: record({ read: bounds, write: bounds, miss: bounds, total: bounds }),
  clearing: record({ read: clearing, write: clearing, miss: clearing, total: clearing }),
  currentRatePerSecond: real,
  vantages: fc.record(
    { read: vantage, write: vantage, miss: vantage },
    { requiredKeys: [], noNullPrototype: true },
  ),
  target: orNull(name),
  slot: orNull(slot),
  shareOfTarget: orNull(real),
  suspect: fc.boolean(),
  commands: named,
  services: named,
  absorbed: real,
  bytes: orNull(real),
});

const windowHeats = record({
  windowMs: real,
  asOfMs: real,
  complete: fc.boolean(),
  heats: fc.array(heat, { maxLength: 3 }),
});

const kindCoverage: Arbitrary<KindCoverage> = record({
  ran: orNull(real),
  observed: real,
  ratio: orNull(real),
  vantage: orNull(vantage),
});

const targetCoverage = record({
  target: name,
  role: fc.constantFrom(...(["primary", "replica", "unknown"] as const)),
  state: fc.constantFrom(...(["seen", "stale", "blind"] as const)),
  kinds: record({ read: kindCoverage, write: kindCoverage }),
  sources: fc.array(sourceStatus, { maxLength: 2 }),
});

const level = { mean: real, lagged: fc.array(real, { maxLength: 3 }) };
const baselineSeries = record({
  kind: fc.constantFrom(...(["read", "write", "miss", "total"] as const)),
  windowMs: real,
  counted: real,
  others: record(level),
  keys: fc.array(record({ db, key: keyBytes, dispersion: real, ...level }), { maxLength: 3 }),
});

const demand: Arbitrary<Demand> = record({
  db,
  key: keyBytes,
  readsPerSecond: real,
  corroboratedPerSecond: real,
  writesPerSecond: real,
  suspect: fc.boolean(),
});

/** The targets of a cluster are told under its name. */
const clusterHeats = record({
  cluster: name,
  windows: fc.array(windowHeats, { maxLength: 3 }),
  coverage: orNull(fc.array(targetCoverage, { maxLength: 2 })),
  baselines: fc.array(baselineSeries, { maxLength: 2 }),
  demands: fc.array(demand, { maxLength: 3 }),
}).map(({ cluster, windows, coverage, baselines, demands }): ClusterHeats => {
  const named = coverage?.map((target): TargetCoverage => ({ cluster, ...target })) ?? null;
  return { cluster, windows, coverage: named, baselines, demands };
});

export const heatSnapshot: Arbitrary<HeatSnapshot> = record({
  partition: small,
  instance: name,
  atMs: real,
  clusters: fc.array(clusterHeats, { maxLength: 3 }),
});

const severity = fc.constantFrom("info", "warning", "critical");

const notified: Arbitrary<Notified> = record({
  receiver: name,
  atMs: real,
  outcome: fc.constantFrom("delivered", "failed"),
  event: fc.constantFrom("firing", "resolved"),
  severity,
}).chain((entry) =>
  fc.option(name, { nil: undefined }).map((thread) => (thread === undefined ? entry : { ...entry, thread })),
);

const measure: Arbitrary<Measure> = record({
  unit: fc.constantFrom("accesses/s", "share", "bytes/s", "ratio", "seconds"),
  value: orNull(real),
  threshold: real,
  baseline: orNull(real),
});

const incident: Arbitrary<Incident> = record({
  id: name,
  rule: name,
  severity,
  cluster: name,
  key: orNull(key),
  pattern: name,
  kind: fc.constantFrom("read", "write", "miss", "total"),
  windowMs: real,
  target: orNull(name),
  slot: orNull(slot),
  status: fc.constantFrom("pending", "firing", "recovering", "resolved"),
  reason: orNull(fc.constantFrom("cooled", "stale", "decommissioned", "expired")),
  late: fc.boolean(),
  reopened: real,
  startedAtMs: real,
  firedAtMs: orNull(real),
  calmSinceMs: orNull(real),
  resolvedAtMs: orNull(real),
  measure,
  ratePerSecond: real,
  currentRatePerSecond: real,
  peakRatePerSecond: real,
  trail: record({
    lastMs: real,
    rates: fc.array(real, { maxLength: 4 }),
  }),
  mix: orNull(record({ read: real, write: real, miss: real })),
  shareOfTarget: orNull(real),
  count: bounds,
  complete: fc.boolean(),
  coverage: record({ read: orNull(real), write: orNull(real) }),
  facts: orNull(facts),
  services: named,
  users: named,
  suspect: fc.boolean(),
  commands: named,
  advice: fc.array(record({ remedy: name, why: name, url: name }), { maxLength: 3 }),
  notified: fc.array(notified, { maxLength: 3 }),
}).map((one): Incident => {
  // Of a key its own cluster is the incident's.
  return one.key === null ? one : { ...one, key: { ...one.key, cluster: one.cluster } };
});

const matchers: Arbitrary<SilenceMatchers> = fc
  .record(
    { cluster: name, key: name, rule: name, target: name, severity: name, pattern: name, service: name },
    { requiredKeys: [], noNullPrototype: true },
  )
  .filter((given) => Object.keys(given).length > 0);

const silence: Arbitrary<Silence> = record({
  id: name,
  matchers,
  startsAtMs: real,
  endsAtMs: real,
  comment: name,
  createdBy: name,
  createdAtMs: real,
});

export const stateRecord: Arbitrary<StateRecord> = fc.oneof(
  record({ type: fc.constant("owner"), authority }),
  record({ type: fc.constant("incident"), authority, incident }),
  record({
    type: fc.constant("notified"),
    authority,
    incidentId: name,
    receiver: name,
    entries: fc.array(notified, { maxLength: 4 }),
  }),
  record({ type: fc.constant("target"), authority, report, goneAtMs: orNull(real) }),
  record({ type: fc.constant("silence"), authority, silence }),
);

export const hotSet: Arbitrary<HotSet> = record({
  authority,
  version: real,
  leases: fc.array(
    record({
      db,
      key: keyBytes,
      leaseUntilMs: real,
      remedies: fc.array(name, { maxLength: 3 }),
      ratePerSecond: real,
    }),
    { maxLength: 4 },
  ),
});
