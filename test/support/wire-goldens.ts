import type { Heat } from "../../src/model/heat.ts";
import type { HeatSnapshot } from "../../src/model/heat-snapshot.ts";
import type { HotSet } from "../../src/model/hot-set.ts";
import type { Incident } from "../../src/model/incident.ts";
import { keep } from "../../src/model/key.ts";
import type { StateRecord } from "../../src/model/state-record.ts";
import { NO_TRAIL } from "../../src/model/trail.ts";
import type { Decoded } from "../../src/wire/decoded.ts";
import { decodeHeat, encodeHeat } from "../../src/wire/heat-codec.ts";
import { decodeHotSet, encodeHotSet } from "../../src/wire/hot-set-codec.ts";
import { decodeMessage, encodeMessage, type WireMessage } from "../../src/wire/message-codec.ts";
import { decodeState, encodeState } from "../../src/wire/state-codec.ts";
import { makePart, makeReport } from "./parts.ts";

/** One value of each type, whose bytes are in test/fixtures/wire/NAME.bin. */
export interface Golden {
  readonly name: string;
  readonly value: unknown;
  readonly bytes: Uint8Array;
  readonly decode: (bytes: Uint8Array) => Decoded<unknown>;
  /** Decodes, encodes what came out, and decodes that. */
  readonly decodeAgain: (bytes: Uint8Array) => Decoded<unknown>;
}

function golden<T>(
  name: string,
  value: T,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => Decoded<T>,
): Golden {
  const decodeAgain = (bytes: Uint8Array) => {
    const decoded = decode(bytes);
    return "value" in decoded ? decode(encode(decoded.value)) : decoded;
  };
  return { name, value, bytes: encode(value), decode, decodeAgain };
}

const AT_MS = 1_767_225_601_000;

const binaryKeys = [
  new Uint8Array(0),
  Uint8Array.of(0),
  Uint8Array.of(0xff, 0xfe, 0x80),
  keep(new Uint8Array(5000)),
];

const part = makePart({
  epoch: 3,
  startMs: AT_MS - 1000,
  bucket: 7,
  buckets: 12,
  part: 2,
  floor: 4,
  probability: 0.25,
  watchedShare: 0.5,
  slots: [
    [0, 5460],
    [16_383, 16_383],
  ],
  totals: { observed: { read: 0, write: 70_000, miss: 12 }, ran: { read: null, write: 70_100 } },
  rows: [
    {
      key: "user:1",
      write: 50_000,
      miss: 12,
      maybe: 3,
      error: 4,
      currentPerSecond: 51_234.5,
      commands: { set: 50_000 },
    },
    ...binaryKeys.map((key, i) => ({ key, db: i, write: 128 ** i, commands: { hset: 1, expire: i } })),
  ],
});

const clientPart = makePart({
  vantage: "clients",
  target: "",
  closing: false,
  sees: ["read", "write", "miss"],
  rows: [
    {
      key: "sale:{eu}",
      read: 300,
      absorbed: 9000,
      bytes: 2 ** 33,
      services: { checkout: 299, "caf\u00e9": 1 },
    },
    { key: "cold", read: 1, commands: { get: 1 } },
  ],
});

const report = makeReport({
  epoch: 3,
  atMs: AT_MS,
  runId: "2f0e",
  version: "7.0.15",
  slots: [[0, 5460]],
  observed: { read: 0, write: 70_000, miss: 12 },
  ran: { read: 0, write: null },
  cpu: 0.75,
  memoryBytes: 2 ** 34,
  opsPerSecond: 70_100,
  sources: [
    {
      source: "keyspace",
      state: "down",
      sinceMs: AT_MS,
      gaps: 2,
      probability: 0.5,
      reason: "the flags are gone",
    },
    { source: "samples", state: "up", sinceMs: 0, gaps: 0, probability: 1, reason: null },
  ],
});

const messages: Readonly<Record<string, WireMessage>> = {
  part,
  "part-clients": clientPart,
  report,
  facts: {
    type: "facts",
    cluster: "default",
    db: 3,
    bytes: Uint8Array.of(0, 0xff),
    atMs: AT_MS,
    facts: { type: "hash", bytes: 120, ttlSeconds: 0, encoding: null },
  },
  services: {
    type: "services",
    agent: "agent-a",
    cluster: "default",
    atMs: AT_MS,
    services: [
      { name: "checkout", instances: 3, heardMs: AT_MS, saidGoodbye: false, returnedMs: 0, gapMs: 1000 },
      { name: "cart", instances: 0, heardMs: AT_MS - 5000, saidGoodbye: true, returnedMs: AT_MS, gapMs: 0 },
    ],
  },
  clients: {
    type: "clients",
    agent: "agent-a",
    epoch: 3,
    cluster: "default",
    target: "10.0.0.1:6379",
    number: 41,
    startMs: AT_MS - 1000,
    lengthMs: 1000,
    closing: true,
    read: 2400,
    write: 12.5,
  },
  topology: {
    type: "topology",
    agent: "agent-a",
    cluster: "default",
    atMs: AT_MS,
    targets: ["10.0.0.1:6379", "[::1]:6380"],
    slotsCovered: 16_384,
  },
};

const key = { cluster: "default", db: 0, bytes: new Uint8Array(Buffer.from("user:1")) };
const sure = { estimate: 50_000, lower: 50_000, upper: 50_004, likely: null };
const sampled = { estimate: 1234.5, lower: 300, upper: null, likely: { lower: 1100, upper: 1400.25 } };
const nothing = { estimate: 0, lower: 0, upper: null, likely: { lower: 0, upper: null } };

const heat: Heat = {
  key,
  windowMs: 10_000,
  asOfMs: AT_MS,
  complete: true,
  counts: { read: sampled, write: sure, miss: nothing, total: { ...sure, estimate: 51_234.5 } },
  clearing: { read: null, write: 50_004, miss: 0, total: null },
  currentRatePerSecond: 5100,
  vantages: { read: "clients", write: "server-events" },
  target: "10.0.0.1:6379",
  slot: 10_778,
  shareOfTarget: 0.62,
  suspect: true,
  commands: { set: 50_000, expire: 12 },
  services: { checkout: 300 },
  absorbed: 9000,
  bytes: null,
};

const heats: HeatSnapshot = {
  partition: 5,
  instance: "aggregator-1-9f",
  atMs: AT_MS,
  clusters: [
    {
      cluster: "default",
      windows: [
        {
          windowMs: 10_000,
          asOfMs: AT_MS,
          complete: true,
          heats: [heat, { ...heat, asOfMs: AT_MS - 1000, slot: null }],
        },
        { windowMs: 60_000, asOfMs: AT_MS, complete: false, heats: [] },
      ],
      coverage: [
        {
          cluster: "default",
          target: "10.0.0.1:6379",
          role: "primary",
          state: "seen",
          kinds: {
            read: { ran: 1000, observed: 500, ratio: 0.5, vantage: "clients" },
            write: { ran: null, observed: 7, ratio: null, vantage: null },
          },
          sources: makeReport().sources,
        },
      ],
      baselines: [],
      demands: [],
    },
    { cluster: "shop", windows: [], coverage: null, baselines: [], demands: [] },
  ],
};

const authority = { cluster: "default", bucket: 7, term: 12, instance: "aggregator-1-9f" };
const notified = {
  receiver: "ops",
  atMs: AT_MS,
  outcome: "delivered",
  event: "firing",
  severity: "critical",
} as const;

const incident: Incident = {
  id: "5d41402abc4b2a76",
  rule: "hot-key",
  severity: "critical",
  cluster: key.cluster,
  key,
  pattern: "user:{n}",
  kind: "total",
  windowMs: 10_000,
  target: "10.0.0.1:6379",
  slot: null,
  status: "resolved",
  reason: "cooled",
  late: true,
  reopened: 2,
  startedAtMs: AT_MS - 60_000,
  firedAtMs: AT_MS - 59_000,
  calmSinceMs: AT_MS - 1000,
  resolvedAtMs: AT_MS,
  measure: { unit: "accesses/s", value: null, threshold: 0, baseline: null },
  ratePerSecond: 5012.3,
  currentRatePerSecond: 0,
  peakRatePerSecond: 6000,
  trail: NO_TRAIL,
  mix: null,
  shareOfTarget: 0.62,
  count: sampled,
  complete: true,
  coverage: { read: 0.5, write: null },
  facts: { type: "string", bytes: 120, ttlSeconds: null, encoding: "embstr" },
  services: { checkout: 300 },
  users: { checkout: 0.9, cart: 0.1 },
  suspect: false,
  commands: { set: 50_000 },
  advice: [
    { remedy: "sharded-counter", why: "It is written by many.", url: "https://keyheat.example/advice" },
  ],
  notified: [notified],
};

const states: Readonly<Record<string, StateRecord>> = {
  owner: { type: "owner", authority },
  incident: { type: "incident", authority, incident },
  notified: {
    type: "notified",
    authority,
    incidentId: incident.id,
    receiver: "ops",
    entries: [notified, { ...notified, outcome: "failed", event: "resolved", severity: "info" }],
  },
  target: { type: "target", authority, report, goneAtMs: AT_MS },
};

const hotSet: HotSet = {
  authority,
  version: 42,
  leases: [
    { db: 0, key: key.bytes, leaseUntilMs: AT_MS + 30_000, remedies: ["local-cache"], ratePerSecond: 5012.3 },
    { db: 1, key: binaryKeys[2]!, leaseUntilMs: AT_MS, remedies: [], ratePerSecond: 0 },
  ],
};

/** What the first release did not know. */
const ofTarget: StateRecord = {
  type: "incident",
  authority,
  incident: {
    ...incident,
    key: null,
    rule: "blind",
    measure: { unit: "ratio", value: 3.5, threshold: 3, baseline: 1200.5 },
    trail: { lastMs: AT_MS - 5000, rates: [120, 5100.5] },
    notified: [{ ...notified, thread: "5d41402abc4b2a75" }],
  },
};

const withMix: StateRecord = {
  type: "incident",
  authority,
  incident: { ...incident, mix: { read: 12.5, write: 5000, miss: 0 } },
};

const silence: StateRecord = {
  type: "silence",
  authority: { ...authority, bucket: 0, term: 0 },
  silence: {
    id: "3c6e0b8a-9c15-424a-8a1f-0d5e1f3b7c2d",
    matchers: { cluster: "default", key: "sale:*", severity: "warning" },
    startsAtMs: AT_MS,
    endsAtMs: AT_MS + 7_200_000,
    comment: "the sale of the year",
    createdBy: "ops",
    createdAtMs: AT_MS - 1000,
  },
};

const withBaselines: HeatSnapshot = {
  ...heats,
  clusters: [
    {
      cluster: "default",
      windows: [],
      coverage: null,
      baselines: [
        {
          kind: "write",
          windowMs: 10_000,
          counted: 33,
          others: { mean: 12.5, lagged: [3, 4, 5] },
          keys: [
            { db: 0, key: key.bytes, mean: 1200.25, dispersion: 4.5, lagged: [1190, 1210.5, 1250] },
            { db: 1, key: binaryKeys[2]!, mean: 0, dispersion: 1, lagged: [] },
          ],
        },
      ],
      demands: [],
    },
  ],
};

const withDemands: HeatSnapshot = {
  ...heats,
  clusters: [
    {
      cluster: "default",
      windows: [],
      coverage: null,
      baselines: [],
      demands: [
        {
          db: 0,
          key: key.bytes,
          readsPerSecond: 50_000.5,
          corroboratedPerSecond: 90,
          writesPerSecond: 0.1,
          suspect: false,
        },
        {
          db: 1,
          key: binaryKeys[2]!,
          readsPerSecond: 1000,
          corroboratedPerSecond: 0,
          writesPerSecond: 0,
          suspect: true,
        },
      ],
    },
  ],
};

export const GOLDENS: readonly Golden[] = [
  ...Object.entries(messages).map(([name, value]) => golden(name, value, encodeMessage, decodeMessage)),
  golden("heat", heats, encodeHeat, decodeHeat),
  ...Object.entries(states).map(([name, value]) => golden(name, value, encodeState, decodeState)),
  golden("hot-set", hotSet, encodeHotSet, decodeHotSet),
  golden("incident-of-target", ofTarget, encodeState, decodeState),
  golden("incident-with-mix", withMix, encodeState, decodeState),
  golden("silence", silence, encodeState, decodeState),
  golden("heat-with-baselines", withBaselines, encodeHeat, decodeHeat),
  golden("heat-with-demands", withDemands, encodeHeat, decodeHeat),
];
