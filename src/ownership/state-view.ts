import type { Incident, Notified } from "../model/incident.ts";
import {
  type Authority,
  type IncidentRecord,
  incidentKeys,
  type NotifiedRecord,
  type OwnedRecord,
  type OwnerRecord,
  ownerKey,
  stateKey,
  type TargetRecord,
  targetKey,
} from "../model/state-record.ts";
import { NotifiedLogs } from "./notified-logs.ts";

/** Resolved incidents remembered; open ones are never forgotten. */
const RESOLVED_MAX = 10_000;
/** Each claim is one above the last; what is far above would leave no term for those who come after. */
const TERM_STEP_MAX = 2 ** 20;
/** Where nobody is known to have claimed a bucket: claims a second for 30,000 years. */
const FIRST_TERM_MAX = 2 ** 40;

export interface StateListener {
  /** A claim took effect: from here on the bucket is this owner's. */
  claimed(authority: Authority): void;
  /** An incident, or what was told of it, is now so. */
  incidentChanged(incident: Incident): void;
  targetChanged(record: TargetRecord): void;
  /**
   * A record that does not count (of a lower term, or one that knows less) lies over the one that stands, and compaction
   * would keep it: the owner must write `record` again.
   */
  overwritten(record: OwnedRecord): void;
  /** A record that does not count is all there is of an incident, or this one has no room here: it is to be deleted. */
  unwanted(incident: Incident, authority: Authority): void;
}

/**
 * What the `state` topic says, record by record in the order of its log.
 *
 * Source of the rule of terms: DESIGN section 6. A record counts if its author owned the bucket at that point of the
 * log. What receivers were told is a fact whoever wrote it, so `notified` records are united, never refused.
 */
export class StateView {
  readonly #listener: StateListener;
  readonly #owners = new Map<string, Authority>();
  readonly #incidents = new Map<string, IncidentRecord>();
  /** When the record of an incident was written, by its key. */
  readonly #writtenMs = new Map<string, number>();
  readonly #notified = new NotifiedLogs();
  readonly #targets = new Map<string, TargetRecord>();
  /** Keys of resolved incidents, the one that was written last at the end. */
  readonly #resolved = new Set<string>();

  constructor(listener: StateListener) {
    this.#listener = listener;
  }

  /** `writtenMs`: when it was written, ms since 1970. */
  apply(record: OwnedRecord, writtenMs: number): void {
    switch (record.type) {
      case "owner":
        this.#applyOwner(record);
        return;
      case "incident":
        this.#applyIncident(record, writtenMs);
        return;
      case "notified":
        this.#applyNotified(record);
        return;
      case "target":
        this.#applyTarget(record);
    }
  }

  /** The record under `key` was deleted (a tombstone). */
  remove(key: string): void {
    const incident = this.#incidents.get(key);
    if (incident !== undefined) {
      // Only what is over is deleted; whoever deletes more did not know better.
      if (incident.incident.status === "resolved") this.#forget(key, incident.incident.id);
      else this.#listener.overwritten(incident);
      return;
    }
    this.#targets.delete(key);
    this.#owners.delete(key);
  }

  /** Who owns a bucket, as far as the log has been read; `null`: nobody ever did. */
  ownerOf(cluster: string, bucket: number): Authority | null {
    return this.#owners.get(ownerKey(cluster, bucket)) ?? null;
  }

  /** With their logs of notifications. */
  *incidents(): Iterable<Incident> {
    for (const { incident } of this.#incidents.values()) yield this.#withLog(incident);
  }

  incident(id: string): Incident | undefined {
    const record = this.#incidents.get(incidentKeys(id, [])[0]!);
    return record && this.#withLog(record.incident);
  }

  /** The incidents of one bucket, with when each was last written. */
  *incidentsOf(cluster: string, bucket: number): Iterable<{ incident: Incident; writtenMs: number }> {
    for (const [key, { authority, incident }] of this.#incidents) {
      if (authority.cluster !== cluster || authority.bucket !== bucket) continue;
      yield { incident: this.#withLog(incident), writtenMs: this.#writtenMs.get(key) ?? 0 };
    }
  }

  /** What a receiver was told of an incident. */
  notified(incidentId: string, receiver: string): readonly Notified[] {
    return this.#notified.of(incidentId, receiver);
  }

  /** What this process was about to write of notifications: it may write more before it has read that back. */
  noteNotified(record: NotifiedRecord): void {
    this.#notified.unite(record);
  }

  /** Targets that were heard of, gone ones included. */
  targets(): Iterable<TargetRecord> {
    return this.#targets.values();
  }

  target(cluster: string, target: string): TargetRecord | undefined {
    return this.#targets.get(targetKey(cluster, target));
  }

  #applyOwner(record: OwnerRecord): void {
    const { authority } = record;
    const place = ownerKey(authority.cluster, authority.bucket);
    const standing = this.#owners.get(place);
    if (standing !== undefined && isSame(standing, authority)) return;
    if (!isNextTerm(authority.term, standing?.term)) {
      if (standing !== undefined) this.#listener.overwritten({ type: "owner", authority: standing });
      return;
    }
    this.#owners.set(place, authority);
    this.#listener.claimed(authority);
  }

  #applyIncident(record: IncidentRecord, writtenMs: number): void {
    const key = stateKey(record);
    const standing = this.#incidents.get(key);
    if (!this.#counts(record.authority)) {
      if (standing !== undefined) this.#listener.overwritten(standing);
      else this.#listener.unwanted(record.incident, record.authority);
      return;
    }
    this.#incidents.set(key, record);
    this.#writtenMs.set(key, writtenMs);
    this.#notified.adopt(record.incident.id);
    this.#resolved.delete(key);
    if (record.incident.status === "resolved") this.#settle(key);
    this.#listener.incidentChanged(this.#withLog(record.incident));
  }

  #applyNotified(record: NotifiedRecord): void {
    const { incidentId, receiver } = record;
    const isWhole = this.#notified.unite(record);
    if (!isWhole) {
      const entries = this.#notified.of(incidentId, receiver);
      this.#listener.overwritten({ ...record, entries });
    }
    const incident = this.incident(incidentId);
    if (incident !== undefined) this.#listener.incidentChanged(incident);
  }

  #applyTarget(record: TargetRecord): void {
    const key = stateKey(record);
    const standing = this.#targets.get(key);
    if (!this.#counts(record.authority)) {
      if (standing !== undefined) this.#listener.overwritten(standing);
      return;
    }
    this.#targets.set(key, record);
    this.#listener.targetChanged(record);
  }

  /** Whether its author owns the bucket at this point of the log, or nobody is known to. */
  #counts(authority: Authority): boolean {
    const owner = this.ownerOf(authority.cluster, authority.bucket);
    return owner === null || owner.term < authority.term || isSame(owner, authority);
  }

  #withLog(incident: Incident): Incident {
    return { ...incident, notified: this.#notified.all(incident.id) };
  }

  /** Makes room for one more resolved incident. */
  #settle(key: string): void {
    this.#resolved.add(key);
    if (this.#resolved.size <= RESOLVED_MAX) return;
    const [oldest] = this.#resolved;
    const record = oldest === undefined ? undefined : this.#incidents.get(oldest);
    if (oldest === undefined || record === undefined) return;
    const incident = this.#withLog(record.incident);
    this.#forget(oldest, incident.id);
    this.#listener.unwanted(incident, record.authority);
  }

  #forget(key: string, id: string): void {
    this.#incidents.delete(key);
    this.#writtenMs.delete(key);
    this.#resolved.delete(key);
    this.#notified.forget(id);
  }
}

function isSame(one: Authority, other: Authority): boolean {
  return one.term === other.term && one.instance === other.instance;
}

function isNextTerm(term: number, standing: number | undefined): boolean {
  if (!Number.isSafeInteger(term) || term < 1) return false;
  if (standing === undefined) return term <= FIRST_TERM_MAX;
  return term > standing && term - standing <= TERM_STEP_MAX;
}
