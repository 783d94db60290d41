import type { Incident, Notified } from "./incident.ts";
import type { Silence } from "./silence.ts";
import type { TargetReport } from "./target.ts";

/**
 * By what right a record of the `state` topic was written: as the owner of a bucket in a term.
 *
 * A new owner claims the bucket with a term above the highest seen; from its `owner` record on, records of lower terms
 * (and of the same term by another instance) are ignored by every reader.
 */
export interface Authority {
  readonly cluster: string;
  readonly bucket: number;
  readonly term: number;
  /** Name of the aggregator process, different after each start. */
  readonly instance: string;
}

/** `owner/CLUSTER/BUCKET`: the claim itself. */
export interface OwnerRecord {
  readonly type: "owner";
  readonly authority: Authority;
}

/** `incident/ID`, by the owner of the key's bucket. Its `notified` is empty: that is told by `notified` records. */
export interface IncidentRecord {
  readonly type: "incident";
  readonly authority: Authority;
  readonly incident: Incident;
}

/** `notified/ID/RECEIVER`, by the cluster's owner: all that is remembered of what one receiver was told of an incident. */
export interface NotifiedRecord {
  readonly type: "notified";
  readonly authority: Authority;
  readonly incidentId: string;
  readonly receiver: string;
  readonly entries: readonly Notified[];
}

/** `target/CLUSTER/ADDRESS`, by the cluster's owner: a target that is expected to be heard of, and its last report. */
export interface TargetRecord {
  readonly type: "target";
  readonly authority: Authority;
  readonly report: TargetReport;
  /** When topology or config dropped it, ms since 1970; `null`: it is there. */
  readonly goneAtMs: number | null;
}

/**
 * `silence/ID`, by whichever process took the request: nobody owns silences, so its authority gives no right and says only
 * of which cluster it is. It counts whatever its term.
 */
export interface SilenceRecord {
  readonly type: "silence";
  readonly authority: Authority;
  readonly silence: Silence;
}

/** Records that count if their author owned the bucket, and those that tell what somebody was told. */
export type OwnedRecord = OwnerRecord | IncidentRecord | NotifiedRecord | TargetRecord;

/** What aggregators keep in the compacted `state` topic; all records of a cluster are in one partition. */
export type StateRecord = OwnedRecord | SilenceRecord;

/** Key of a record in the topic. Parts are percent-encoded, so that no two records share one. */
export function stateKey(record: StateRecord): string {
  const { cluster, bucket } = record.authority;
  switch (record.type) {
    case "owner":
      return ownerKey(cluster, bucket);
    case "incident":
      return keyOf("incident", record.incident.id);
    case "notified":
      return keyOf("notified", record.incidentId, record.receiver);
    case "target":
      return targetKey(cluster, record.report.target);
    case "silence":
      return silenceKey(record.silence.id);
  }
}

/** Keys of an incident's records: its own, and of what each of `receivers` was told of it. */
export function incidentKeys(id: string, receivers: readonly string[]): readonly string[] {
  return [keyOf("incident", id), ...receivers.map((receiver) => keyOf("notified", id, receiver))];
}

export function ownerKey(cluster: string, bucket: number): string {
  return keyOf("owner", cluster, `${bucket}`);
}

export function silenceKey(id: string): string {
  return keyOf("silence", id);
}

export function targetKey(cluster: string, target: string): string {
  return keyOf("target", cluster, target);
}

function keyOf(...parts: readonly string[]): string {
  return parts.map((part) => encodeURIComponent(part.toWellFormed())).join("/");
}
