import type { PanePart } from "../../../../src/model/pane.ts";
import { unaccounted } from "../../../../src/runtime/accounting.ts";
import type { Sample, SampleBatch } from "../../../../src/sources/samples/sample.ts";
import { SamplesSource, type SamplesSourceOptions } from "../../../../src/sources/samples/samples-source.ts";

/** Second 0 of each test, at the start of a pane. */
export const T0 = 1_700_000_000_000;

export const TARGET = {
  cluster: "default",
  address: "10.0.0.1:6379",
  aliases: [],
  role: "primary",
  slots: null,
} as const;

export function makeSource(options: Partial<SamplesSourceOptions> = {}): SamplesSource {
  return new SamplesSource({
    agent: "agent-a",
    cluster: "default",
    settings: { enabled: true, bytes: 32 * 1024 * 1024 },
    panes: { length: 1000, publish: 1000 },
    buckets: 12,
    ignored: () => false,
    targets: () => [TARGET],
    nowMs: T0,
    ...options,
  });
}

export function sample(key: string, fields: Partial<Sample> = {}): Sample {
  return {
    key,
    db: 0,
    target: null,
    probability: 1,
    reads: 0,
    writes: 0,
    misses: 0,
    absorbed: 0,
    bytes: 0,
    commands: null,
    ...fields,
  };
}

/** A batch of the second before `endMs`; it may come more than once. */
export function batchOf(
  endMs: number,
  samples: readonly Sample[],
  fields: Partial<SampleBatch> = {},
): SampleBatch {
  return {
    service: "checkout",
    instance: null,
    seq: null,
    span: { startMs: endMs - 1000, endMs },
    goodbye: false,
    samples,
    ...fields,
  };
}

export interface Row {
  readonly part: PanePart;
  readonly key: string;
  readonly db: number;
  readonly read: number;
  readonly write: number;
  readonly miss: number;
  readonly error: number;
  readonly absorbed: number;
  readonly bytes: number;
  readonly currentPerSecond: number;
  readonly commands: Readonly<Record<string, number>>;
  readonly services: Readonly<Record<string, number>>;
}

/** Every entry of the parts. */
export function rowsOf(parts: readonly PanePart[]): Row[] {
  return parts.flatMap((part) => {
    const { entries } = part;
    return Array.from({ length: entries.length }, (_, i) => {
      const { clients } = entries;
      if (clients === null) throw new Error("a part without the columns of clients");
      const key = Buffer.from(entries.keyBytes.subarray(entries.keyOffsets[i], entries.keyOffsets[i + 1]));
      return {
        part,
        key: key.toString("latin1"),
        db: entries.dbs[i]!,
        read: entries.reads[i]!,
        write: entries.writes[i]!,
        miss: entries.misses[i]!,
        error: entries.errors[i]!,
        absorbed: clients.absorbed[i]!,
        bytes: clients.bytes[i]!,
        currentPerSecond: entries.currentPerSecond[i]!,
        commands: named(entries.commandIds, entries.commandCounts, entries.commandNames, i),
        services: named(clients.serviceIds, clients.serviceCounts, clients.serviceNames, i),
      };
    });
  });
}

function named(ids: ArrayLike<number>, counts: Float64Array, names: readonly string[], i: number) {
  const places = Array.from({ length: 4 }, (_, place) => 4 * i + place).filter((place) => ids[place]! > 0);
  return Object.fromEntries(places.map((place) => [names[ids[place]! - 1], counts[place]!]));
}

export function booksOf(source: SamplesSource) {
  const [books] = source.books();
  if (!books || unaccounted(books) !== 0) throw new Error("the books do not balance");
  return books;
}
