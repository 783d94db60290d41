import type { Kind, Vantage } from "../../../src/model/access.ts";
import type { ClientsReport } from "../../../src/model/clients.ts";
import type { Bounds } from "../../../src/model/heat.ts";
import { keep } from "../../../src/model/key.ts";
import { type PanePart, SERVICES_PER_ENTRY } from "../../../src/model/pane.ts";
import type { ServicesReport } from "../../../src/model/services.ts";
import { SLOT_COUNT, type SlotRange } from "../../../src/model/slot.ts";
import type { Authority } from "../../../src/model/state-record.ts";
import type { Facts, KeyFacts, SourceStatus, TargetReport } from "../../../src/model/target.ts";
import type { TopologyReport } from "../../../src/model/topology.ts";
import { type EntryRow, entriesOf } from "../../../src/panes/entries.ts";
import type { WireMessage } from "../../../src/wire/message-codec.ts";
import fc, { type Arbitrary } from "../../support/fast-check.ts";

export const name = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("__proto__", "constructor", "a\0b", "é".repeat(512)),
);
/** As the model's own objects: with a prototype. */
export function record<T>(fields: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true }) as Arbitrary<T>;
}

/** Not -0, which the wire takes for 0. */
export const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
export const small = fc.nat({ max: 2 ** 31 - 1 });
export const db = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
export const slot = fc.nat({ max: SLOT_COUNT - 1 });

/** Also empty, binary and cut ones. */
export const keyBytes: Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.constantFrom(new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0xff), new Uint8Array(1024).fill(0x80)),
  fc.integer({ min: 1025, max: 3000 }).map((length) => keep(new Uint8Array(length).fill(0x61)).slice()),
);

export const orNull = <T>(value: Arbitrary<T>) => fc.option(value, { nil: null });

/** `__proto__` becomes a key of its own: `fromEntries` defines, it does not assign. */
export const named = fc
  .array(fc.tuple(name, real), { maxLength: 6 })
  .map((entries): Record<string, number> => Object.fromEntries(entries));

export const vantage = fc.constantFrom<Vantage>(
  "server-events",
  "clients",
  "traces",
  "server-commands",
  "requests",
);

const slots: Arbitrary<SlotRange[] | null> = orNull(
  fc.array(
    fc.tuple(slot, slot).map(([a, b]): SlotRange => [Math.min(a, b), Math.max(a, b)]),
    { maxLength: 5 },
  ),
);

const kindCounts = record({ read: real, write: real, miss: real });
const ran = record({ read: orNull(real), write: orNull(real) });

/** What a column holds: whole numbers of all lengths, or any; a column has no -0. */
const count = fc.oneof(
  fc.constant(0),
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 36, Number.MAX_SAFE_INTEGER),
);
const mostlyWhole = fc.oneof(
  { weight: 9, arbitrary: count },
  real.map((value) => value + 0),
);

const names = fc.array(name, { maxLength: 5 });

function countsOf(indexes: number) {
  const pair = fc.tuple(fc.nat({ max: Math.max(0, indexes - 1) }), count);
  return fc.array(pair, { maxLength: indexes === 0 ? 0 : SERVICES_PER_ENTRY });
}

function row(commands: number, services: number): Arbitrary<EntryRow> {
  return record({
    db,
    key: keyBytes,
    read: mostlyWhole,
    write: count,
    miss: count,
    maybe: count,
    error: count,
    currentPerSecond: fc.oneof(count, mostlyWhole),
    commands: countsOf(commands),
    client: record({ absorbed: count, bytes: count, services: countsOf(services) }),
  });
}

const entries = fc
  .tuple(names, orNull(names))
  .chain(([commandNames, serviceNames]) =>
    fc
      .array(row(commandNames.length, serviceNames?.length ?? 0), { maxLength: 8 })
      .map((rows) => entriesOf(rows, commandNames, serviceNames)),
  );

export const part: Arbitrary<PanePart> = record({
  type: fc.constant("part"),
  agent: name,
  epoch: real,
  cluster: name,
  target: name,
  vantage,
  startMs: real,
  lengthMs: real,
  bucket: small,
  buckets: small,
  part: small,
  closing: fc.boolean(),
  parts: small,
  floor: real,
  total: kindCounts,
  probability: real,
  watchedShare: real,
  sees: fc.subarray<Kind>(["read", "write", "miss"]),
  complete: fc.boolean(),
  slots,
  totals: orNull(record({ observed: kindCounts, ran })),
  entries,
});

export const sourceStatus: Arbitrary<SourceStatus> = record({
  source: name,
  state: fc.constantFrom("up", "down", "off"),
  sinceMs: real,
  gaps: real,
  probability: real,
  reason: orNull(name),
});

export const report: Arbitrary<TargetReport> = record({
  type: fc.constant("report"),
  agent: name,
  epoch: real,
  cluster: name,
  target: name,
  atMs: real,
  pane: record({ startMs: real, lengthMs: real }),
  reachable: fc.boolean(),
  role: fc.constantFrom("primary", "replica", "unknown"),
  runId: orNull(name),
  version: orNull(name),
  slots,
  observed: kindCounts,
  ran,
  cpu: orNull(real),
  memoryBytes: orNull(real),
  clients: orNull(real),
  opsPerSecond: orNull(real),
  sources: fc.array(sourceStatus, { maxLength: 4 }),
});

export const facts: Arbitrary<Facts> = record({
  type: name,
  bytes: orNull(real),
  ttlSeconds: orNull(real),
  encoding: orNull(name),
});

const keyFacts: Arbitrary<KeyFacts> = record({
  type: fc.constant("facts"),
  cluster: name,
  db,
  bytes: keyBytes,
  atMs: real,
  facts,
});

const services: Arbitrary<ServicesReport> = record({
  type: fc.constant("services"),
  agent: name,
  cluster: name,
  atMs: real,
  services: fc.array(
    record({
      name,
      instances: real,
      heardMs: real,
      saidGoodbye: fc.boolean(),
      returnedMs: real,
      gapMs: real,
    }),
    { maxLength: 4 },
  ),
});

const topology: Arbitrary<TopologyReport> = record({
  type: fc.constant("topology"),
  agent: name,
  cluster: name,
  atMs: real,
  targets: fc.array(name, { maxLength: 6 }),
  slotsCovered: orNull(small),
});

const clients: Arbitrary<ClientsReport> = record({
  type: fc.constant("clients"),
  agent: name,
  epoch: real,
  cluster: name,
  target: name,
  number: real,
  startMs: real,
  lengthMs: real,
  closing: fc.boolean(),
  read: real,
  write: real,
});

export const message: Arbitrary<WireMessage> = fc.oneof(part, report, keyFacts, services, topology, clients);

export const bounds: Arbitrary<Bounds> = record({
  estimate: real,
  lower: real,
  upper: orNull(real),
  likely: orNull(record({ lower: real, upper: orNull(real) })),
});

export const authority: Arbitrary<Authority> = record({
  cluster: name,
  bucket: small,
  term: real,
  instance: name,
});
