import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Kind, Vantage } from "../model/access.ts";
import type { Demand } from "../model/demand.ts";
import type { Heat } from "../model/heat.ts";
import type { ClusterHeats, HeatSnapshot, WindowHeats } from "../model/heat-snapshot.ts";
import { orAbsent, orNull } from "./absent.ts";
import { readBaselines, writeBaselines } from "./baselines-codec.ts";
import { readBounds, writeBounds } from "./bounds-codec.ts";
import { readTargetCoverage, writeTargetCoverage } from "./coverage-codec.ts";
import { type Decoded, decoding } from "./decoded.ts";
import {
  type ClusterHeatsSchema,
  HeatRecordSchema,
  type HeatSchema,
  type WindowHeatsSchema,
  type Clearing as WireClearing,
  type ClusterHeats as WireClusterHeats,
  type Demand as WireDemand,
  type Heat as WireHeat,
  type Vantages as WireVantages,
  type WindowHeats as WireWindowHeats,
} from "./generated/keyheat_pb.ts";
import { openRecord, SCHEMA_VERSION } from "./record.ts";
import { readWord, VANTAGES } from "./words.ts";

/** Throws: Error where a whole number (partition, database, slot) is none or has more than 32 bits. */
export function encodeHeat({ partition, instance, atMs, clusters }: HeatSnapshot): Uint8Array {
  const version = SCHEMA_VERSION;
  const record = { version, partition, instance, atMs, clusters: clusters.map(writeCluster) };
  return toBinary(HeatRecordSchema, create(HeatRecordSchema, record));
}

/** Of any bytes; keys and names are copies. */
export function decodeHeat(bytes: Uint8Array): Decoded<HeatSnapshot> {
  return decoding(() => {
    const { partition, instance, atMs, clusters } = openRecord(HeatRecordSchema, bytes);
    return { partition, instance, atMs, clusters: clusters.map(readCluster) };
  });
}

function writeCluster(heats: ClusterHeats): MessageInitShape<typeof ClusterHeatsSchema> {
  const { cluster, windows, coverage, baselines, demands } = heats;
  return {
    cluster,
    windows: windows.map((window) => writeWindow(window, cluster)),
    coverage: coverage === null ? undefined : { targets: coverage.map(writeTargetCoverage) },
    series: baselines.map(writeBaselines),
    demands: [...demands],
  };
}

function readCluster({ cluster, windows, coverage, series, demands }: WireClusterHeats): ClusterHeats {
  return {
    cluster,
    windows: windows.map((window) => readWindow(window, cluster)),
    coverage: coverage?.targets.map((target) => readTargetCoverage(target, cluster)) ?? null,
    baselines: series.map(readBaselines),
    demands: demands.map(readDemand),
  };
}

function writeWindow(window: WindowHeats, cluster: string): MessageInitShape<typeof WindowHeatsSchema> {
  const { windowMs, asOfMs, complete, heats } = window;
  return {
    windowMs,
    asOfMs,
    complete,
    heats: heats.map((heat) => writeHeat(heat, { cluster, windowMs, asOfMs })),
  };
}

function readWindow(window: WireWindowHeats, cluster: string): WindowHeats {
  const { windowMs, asOfMs, complete, heats } = window;
  return {
    windowMs,
    asOfMs,
    complete,
    heats: heats.map((heat) => readHeat(heat, { cluster, windowMs, asOfMs })),
  };
}

/** What a heat has in common with those beside it, and does not repeat. */
interface Shared {
  readonly cluster: string;
  readonly windowMs: number;
  readonly asOfMs: number;
}

function writeHeat(heat: Heat, shared: Shared): MessageInitShape<typeof HeatSchema> {
  const { key, windowMs, asOfMs, counts, clearing } = heat;
  return {
    cluster: key.cluster === shared.cluster ? undefined : key.cluster,
    db: key.db,
    key: key.bytes,
    windowMs: windowMs === shared.windowMs ? undefined : windowMs,
    asOfMs: asOfMs === shared.asOfMs ? undefined : asOfMs,
    complete: heat.complete,
    read: writeBounds(counts.read),
    write: writeBounds(counts.write),
    miss: writeBounds(counts.miss),
    total: writeBounds(counts.total),
    clearing: {
      read: orAbsent(clearing.read),
      write: orAbsent(clearing.write),
      miss: orAbsent(clearing.miss),
      total: orAbsent(clearing.total),
    },
    currentRatePerSecond: heat.currentRatePerSecond,
    vantages: heat.vantages,
    target: orAbsent(heat.target),
    slot: orAbsent(heat.slot),
    shareOfTarget: orAbsent(heat.shareOfTarget),
    suspect: heat.suspect,
    commands: heat.commands,
    services: heat.services,
    absorbed: heat.absorbed,
    bytes: orAbsent(heat.bytes),
  };
}

function readHeat(message: WireHeat, shared: Shared): Heat {
  return {
    // A view of the key would keep all records of the fetch in memory.
    key: { cluster: message.cluster ?? shared.cluster, db: message.db, bytes: message.key.slice() },
    windowMs: message.windowMs ?? shared.windowMs,
    asOfMs: message.asOfMs ?? shared.asOfMs,
    complete: message.complete,
    counts: {
      read: readBounds(message.read),
      write: readBounds(message.write),
      miss: readBounds(message.miss),
      total: readBounds(message.total),
    },
    clearing: readClearing(message.clearing),
    currentRatePerSecond: message.currentRatePerSecond,
    vantages: readVantages(message.vantages),
    target: orNull(message.target),
    slot: orNull(message.slot),
    shareOfTarget: orNull(message.shareOfTarget),
    suspect: message.suspect,
    commands: message.commands,
    services: message.services,
    absorbed: message.absorbed,
    bytes: orNull(message.bytes),
  };
}

function readDemand(message: WireDemand): Demand {
  const { db, key, readsPerSecond, corroboratedPerSecond, writesPerSecond, suspect } = message;
  return { db, key: key.slice(), readsPerSecond, corroboratedPerSecond, writesPerSecond, suspect };
}

function readClearing(message: WireClearing | undefined): Heat["clearing"] {
  return {
    read: orNull(message?.read),
    write: orNull(message?.write),
    miss: orNull(message?.miss),
    total: orNull(message?.total),
  };
}

function readVantages(message: WireVantages | undefined): Heat["vantages"] {
  const vantages: Partial<Record<Kind, Vantage>> = {};
  if (message === undefined) return vantages;
  for (const kind of ["read", "write", "miss"] as const) {
    const text = message[kind];
    if (text !== undefined) vantages[kind] = readWord(VANTAGES, text, "server-events", "vantage");
  }
  return vantages;
}
