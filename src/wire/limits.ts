import type { DescField } from "@bufbuild/protobuf";
import { KEPT_KEY_BYTES_MAX } from "../model/key.ts";
import { SLOT_COUNT } from "../model/slot.ts";
import { TRAIL_STEPS_MAX } from "../model/trail.ts";
import {
  AdviceSchema,
  BaselineSeriesSchema,
  ClientColumnsSchema,
  ClusterCoverageSchema,
  ClusterHeatsSchema,
  DemandSchema,
  EntriesSchema,
  HeatRecordSchema,
  HeatSchema,
  HotSetRecordSchema,
  IncidentSchema,
  KeyBaselineSchema,
  KeyFactsSchema,
  LeaseSchema,
  LevelSchema,
  NotifiedEntriesSchema,
  PartSchema,
  ServicesReportSchema,
  SlotRangesSchema,
  SourceStatusSchema,
  TargetCoverageSchema,
  TargetReportSchema,
  TopologyReportSchema,
  TrailSchema,
  WindowHeatsSchema,
} from "./generated/keyheat_pb.ts";

export const RECORD_BYTES_MAX = 4 * 1024 * 1024;
export const ENTRIES_MAX = 65_536;
export const NAME_BYTES_MAX = 1024;
/** Of what people read: a reason, an advice. */
export const TEXT_BYTES_MAX = 4096;
/** Messages within a record, of all types: each becomes an object, and an empty one takes two bytes. */
export const MESSAGES_MAX = 131_072;

const TARGETS_MAX = 20_000;
const HEATS_MAX = 10_000;
const BASELINES_MAX = 20_000;
const LEASES_MAX = 10_000;
const NOTIFIED_MAX = 256;
/** The most frequent commands and services of a heat are named, not all. */
const NAMES_PER_HEAT = 16;
const NAMES_PER_INCIDENT = 1024;
const REMEDIES_PER_LEASE = 16;

/** Most elements of a list or map, over the whole record. Each list of the schema has its limit here. */
export const ELEMENTS_MAX: ReadonlyMap<DescField, number> = new Map<DescField, number>([
  [PartSchema.field.sees, 16],
  [SlotRangesSchema.field.ends, 2 * SLOT_COUNT],
  [EntriesSchema.field.commandNames, 255],
  [ClientColumnsSchema.field.serviceNames, 65_535],
  [TargetReportSchema.field.sources, 64],
  [ServicesReportSchema.field.services, 10_000],
  [TopologyReportSchema.field.targets, TARGETS_MAX],
  [HeatRecordSchema.field.clusters, 1024],
  [ClusterHeatsSchema.field.windows, 8192],
  [ClusterCoverageSchema.field.targets, TARGETS_MAX],
  [TargetCoverageSchema.field.sources, MESSAGES_MAX],
  [WindowHeatsSchema.field.heats, HEATS_MAX],
  [ClusterHeatsSchema.field.series, 4096],
  [BaselineSeriesSchema.field.keys, BASELINES_MAX],
  [ClusterHeatsSchema.field.demands, HEATS_MAX],
  [LevelSchema.field.lagged, 4 * BASELINES_MAX],
  [HeatSchema.field.commands, HEATS_MAX * NAMES_PER_HEAT],
  [HeatSchema.field.services, HEATS_MAX * NAMES_PER_HEAT],
  [IncidentSchema.field.services, NAMES_PER_INCIDENT],
  [IncidentSchema.field.users, NAMES_PER_INCIDENT],
  [IncidentSchema.field.commands, NAMES_PER_INCIDENT],
  [IncidentSchema.field.advice, 32],
  [IncidentSchema.field.notified, NOTIFIED_MAX],
  [TrailSchema.field.rates, TRAIL_STEPS_MAX],
  [NotifiedEntriesSchema.field.entries, NOTIFIED_MAX],
  [HotSetRecordSchema.field.leases, LEASES_MAX],
  [LeaseSchema.field.remedies, LEASES_MAX * REMEDIES_PER_LEASE],
]);

/** Most bytes of a field; of other texts `NAME_BYTES_MAX`. */
export const FIELD_BYTES_MAX: ReadonlyMap<DescField, number> = new Map<DescField, number>([
  [SourceStatusSchema.field.reason, TEXT_BYTES_MAX],
  [AdviceSchema.field.why, TEXT_BYTES_MAX],
  [AdviceSchema.field.url, TEXT_BYTES_MAX],
  [KeyFactsSchema.field.key, KEPT_KEY_BYTES_MAX],
  [KeyBaselineSchema.field.key, KEPT_KEY_BYTES_MAX],
  [DemandSchema.field.key, KEPT_KEY_BYTES_MAX],
  [HeatSchema.field.key, KEPT_KEY_BYTES_MAX],
  [IncidentSchema.field.key, KEPT_KEY_BYTES_MAX],
  [LeaseSchema.field.key, KEPT_KEY_BYTES_MAX],
]);
