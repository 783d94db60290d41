import { Aggregator } from "./aggregator.ts";
import type { Config } from "./config/schema.ts";
import { IncidentBook } from "./incidents/book.ts";
import type { HeatSnapshot } from "./model/heat-snapshot.ts";
import type { HotSet } from "./model/hot-set.ts";
import type { Incident } from "./model/incident.ts";
import { bucketOfSlot } from "./model/slot.ts";
import type { Authority, StateRecord } from "./model/state-record.ts";
import { Notifier } from "./notify/notifier.ts";
import type { Receiver } from "./notify/receivers/receiver.ts";
import { Claims } from "./ownership/claims.ts";
import { StateStore } from "./ownership/state-store.ts";
import { StateView } from "./ownership/state-view.ts";
import { TargetRecords } from "./ownership/target-records.ts";
import { PanesLane, type PanesRecord } from "./panes-lane.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import { ByteBudget } from "./runtime/byte-budget.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import type { Message } from "./transport/transport.ts";
import { HeatBoard } from "./windows/heat-board.ts";
import { Roster } from "./windows/roster.ts";
import { ServiceTable } from "./windows/service-table.ts";
import { TargetTable } from "./windows/target-table.ts";
import { decodeHeat } from "./wire/heat-codec.ts";
import { decodeState } from "./wire/state-codec.ts";

const MIB = 2 ** 20;
const KEY_BYTES_MAX = 256 * MIB;
const PART_BYTES_MAX = 1024 * MIB;
/** How many of a partition's hottest keys other aggregators are told of, for each window and cluster. */
const TOLD_KEYS = 100;
const TELL_EVERY_MS = 1000;
/**
 * How long a new owner of a cluster waits before it tells of incidents that were there before it: what the owner before
 * it was just sending is logged by then.
 */
const HANDOVER_MS = 1000;

/** Where it writes what others read; never blocks, never throws. */
export interface ClusterOutlet {
  state(record: StateRecord): void;
  /** Deletes the record for good. */
  eraseIncident(incident: Incident, receivers: readonly string[]): void;
  heat(snapshot: HeatSnapshot): void;
  hotSet(hotSet: HotSet): void;
}

/** A record of the state or of the heat topic. */
export interface TableRecord {
  readonly key: string | null;
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null;
}

export interface ClusterAggregatorOptions {
  readonly config: Config;
  /** Name of this process, different after each start. */
  readonly instance: string;
  readonly receivers: readonly Receiver[];
  readonly outlet: ClusterOutlet;
  /** Which partition of the panes brings a bucket. */
  readonly partitionOf: (cluster: string, bucket: number) => number;
  /** Whether the consumer group has confirmed lately that this process is a member. */
  readonly isConfirmed: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Each incident that changed, of all clusters, whoever judges it. */
  readonly onIncident: (incident: Incident) => void;
}

/**
 * One of the aggregators that share the work: panes partitions -> windows -> rules -> incidents, and for the clusters
 * that it owns notifications. What it knows of the rest it reads from the `heat` and `state` topics.
 *
 * A page leaves only for what was read back from the state topic: so whoever takes over knows of it.
 */
export class ClusterAggregator {
  readonly board = new HeatBoard();
  readonly targets = new TargetTable();
  readonly incidents: IncidentBook;
  readonly view: StateView;
  readonly notifier: Notifier;
  readonly #options: ClusterAggregatorOptions;
  readonly #lanes = new Map<number, PanesLane>();
  readonly #claims: Claims;
  readonly #records: TargetRecords;
  readonly #aggregator: Aggregator;
  readonly #roster = new Roster();
  readonly #keyBudget = new ByteBudget(KEY_BYTES_MAX);
  readonly #partBudget = new ByteBudget(PART_BYTES_MAX);
  readonly #ledgers = {
    records: new Ledger("panes"),
    tables: new Ledger("tables"),
    windows: new Ledger("windows"),
    entries: new Ledger("window-entries"),
    incidents: new Ledger("incidents"),
    notify: new Ledger("notify"),
  };
  /** Clusters of whose incidents this process tells, with what cancels a handover that is not over yet. */
  readonly #telling = new Map<string, { isOver: boolean; cancel: () => void }>();
  readonly #namedTopics = new Set<string>();
  readonly #namedDamage = new Set<string>();
  #isStateRead = false;
  #isConfirmed = false;
  #toldAtMs = 0;

  constructor(options: ClusterAggregatorOptions) {
    this.#options = options;
    const { config, instance, receivers, outlet, partitionOf, isConfirmed, clock, logger } = options;
    this.view = new StateView({
      claimed: (authority) => this.#claims.claimed(authority),
      incidentChanged: (incident) => this.#incidentChanged(incident),
      targetChanged: ({ report, goneAtMs }) => this.#targetChanged(report.cluster, report.target, goneAtMs),
      overwritten: (record) => this.#writeAgain(record),
    });
    this.#claims = new Claims({
      instance,
      partitionOf,
      view: this.view,
      write: (record) => outlet.state(record),
      isConfirmed,
      monotonic: () => clock.monotonic(),
      onHeld: (cluster, bucket) => this.#held(cluster, bucket),
      onLost: (cluster, bucket) => this.#lost(cluster, bucket),
    });
    this.#records = new TargetRecords({
      view: this.view,
      write: (record) => outlet.state(record),
      authorityOf: (cluster) => this.#claims.authorityOf(cluster, 0),
    });
    this.incidents = new IncidentBook({
      rules: config.rules,
      store: new StateStore({
        view: this.view,
        write: (record) => outlet.state(record),
        erase: (incident) => outlet.eraseIncident(incident, receiversOf(incident)),
        authorityOf: (incident) => this.#authorityOf(incident),
      }),
      ledger: this.#ledgers.incidents,
      logger,
      nowMs: clock.now(),
    });
    this.notifier = new Notifier({
      routes: config.routes,
      receivers,
      rules: config.rules,
      clock,
      logger,
      ledger: this.#ledgers.notify,
      mayTell: (cluster) => this.#mayTell(cluster),
      onNotified: (incidentId, notified) => this.#logNotified(incidentId, notified),
    });
    this.#aggregator = new Aggregator({
      rules: config.rules,
      targets: this.targets,
      services: new ServiceTable(clock.now()),
      incidents: this.incidents,
      clock,
      isSuspended: () => !isConfirmed(),
      mayJudge: (cluster, slot) => this.#claims.authorityOf(cluster, this.#bucketOf(slot)) !== null,
      roster: this.#roster,
      isGone: (cluster, target) => this.#isGone(cluster, target),
      onGone: (cluster, target) => this.#records.drop(cluster, target, clock.now()),
      // Others hear of it when it has been written; of a pending one nobody else does.
      onIncident: (incident) => {
        if (incident.status === "pending") options.onIncident(incident);
      },
      onTick: (nowMs) => this.#tick(nowMs),
    });
    this.#aggregator.start();
  }

  /** A partition is this process's; its records follow, from those that its windows need. */
  assigned(partition: number): void {
    const { config, logger, partitionOf } = this.#options;
    const lane = new PanesLane(partition, (cluster, bucket) => partitionOf(cluster, bucket) === partition, {
      config,
      keyBudget: this.#keyBudget,
      partBudget: this.#partBudget,
      ledgers: this.#ledgers,
      named: this.#namedDamage,
      logger,
    });
    this.#lanes.set(partition, lane);
    this.#claims.assign(partition);
    if (this.#isStateRead) this.#expectKnownTargets(lane);
  }

  /** What there was on a partition when it was assigned has been read. */
  caughtUp(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.caughtUp();
    this.#claimBuckets();
    this.#aggregator.evaluate(lane.windows);
  }

  /** A partition is another process's. */
  revoked(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    this.#lanes.delete(partition);
    this.#aggregator.leave(lane.windows);
    this.#claims.revoke(partition);
    lane.windows.dispose();
  }

  panes(partition: number, records: readonly PanesRecord[]): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    const messages = lane.read(records, this.#options.clock.now());
    this.#aggregator.take(lane.windows, messages);
    for (const message of messages) this.#noteTarget(message);
  }

  /** A record of the state topic, in the order of its partition. */
  state({ key, value }: TableRecord): void {
    const { tables } = this.#ledgers;
    tables.receive();
    const decoded = value === null ? null : decodeState(value);
    if (decoded !== null && "problem" in decoded) {
      this.#refuse("state", decoded.problem);
      return;
    }
    tables.keep();
    if (decoded !== null) this.view.apply(decoded.value);
    else if (key !== null) this.view.remove(key);
  }

  /** A record of the heat topic. */
  heat({ value }: TableRecord): void {
    const { tables } = this.#ledgers;
    tables.receive();
    const decoded = value === null ? { problem: "no value" } : decodeHeat(value);
    if ("problem" in decoded) {
      this.#refuse("heat", decoded.problem);
      return;
    }
    tables.keep();
    this.board.put(decoded.value);
  }

  /** From where on a partition has to be read again. */
  commitOffset(partition: number): number | null {
    return this.#lanes.get(partition)?.commitOffset(this.#options.clock.now()) ?? null;
  }

  /** The state topic has been read to its end. */
  stateRead(): void {
    this.#isStateRead = true;
    for (const lane of this.#lanes.values()) this.#expectKnownTargets(lane);
    this.#claims.ready();
    this.#claimBuckets();
  }

  /** What it has yet to read or to take up, a line each; empty: it does its share of the work. */
  missing(): readonly string[] {
    if (!this.#isStateRead) return ["the state topic is being read"];
    const behind = [...this.#lanes.values()].filter((lane) => !lane.isCaughtUp);
    if (behind.length === 0) return this.#claims.isSettled ? [] : ["buckets are being taken up"];
    return [`panes are being read again (partitions ${behind.map(({ partition }) => partition).join(", ")})`];
  }

  lanes(): Iterable<PanesLane> {
    return this.#lanes.values();
  }

  /** Whether this process tells of a cluster's incidents and targets. */
  isOwnerOf(cluster: string): boolean {
    return this.#claims.authorityOf(cluster, 0) !== null;
  }

  books(): StageBooks[] {
    return Object.values(this.#ledgers).map((ledger) => ledger.books());
  }

  stop(): void {
    this.#aggregator.stop();
    for (const { cancel } of this.#telling.values()) cancel();
    this.incidents.close();
  }

  #tick(nowMs: number): void {
    if (!this.#noteConfirmation()) return;
    this.#claims.tick();
    this.#claimBuckets();
    this.notifier.tick(nowMs);
    if (Math.abs(nowMs - this.#toldAtMs) < TELL_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    for (const lane of this.#lanes.values())
      if (lane.isCaughtUp) this.#options.outlet.heat(this.#snapshotOf(lane, nowMs));
  }

  /** Whether the group knows this process. After a doubt, what could not be told meanwhile is looked at again. */
  #noteConfirmation(): boolean {
    const wasConfirmed = this.#isConfirmed;
    this.#isConfirmed = this.#options.isConfirmed();
    if (this.#isConfirmed && !wasConfirmed) {
      for (const [cluster, { isOver }] of this.#telling) if (isOver) this.#tellAll(cluster);
    }
    return this.#isConfirmed;
  }

  /** Every bucket of which something was heard. */
  #claimBuckets(): void {
    const { config, partitionOf } = this.#options;
    for (const { partition, windows, isCaughtUp } of this.#lanes.values()) {
      if (!isCaughtUp) continue;
      for (const cluster of windows.clusters()) {
        for (let bucket = 0; bucket < config.kafka.buckets; bucket++) {
          if (partitionOf(cluster, bucket) === partition) this.#claims.want(cluster, bucket);
        }
      }
    }
  }

  #snapshotOf({ partition, windows }: PanesLane, nowMs: number): HeatSnapshot {
    const { instance, config } = this.#options;
    const clusters = windows.clusters().map((cluster) => ({
      cluster,
      windows: config.windows.map((windowMs) => ({ windowMs, ...windows.top(cluster, windowMs, TOLD_KEYS) })),
      coverage: this.#ownsBucketZero(cluster, partition)
        ? this.targets.coverage(nowMs).filter((target) => target.cluster === cluster)
        : null,
    }));
    return { partition, instance, atMs: nowMs, clusters };
  }

  #ownsBucketZero(cluster: string, partition: number): boolean {
    return this.#options.partitionOf(cluster, 0) === partition && this.isOwnerOf(cluster);
  }

  #refuse(topic: string, problem: string): void {
    this.#ledgers.tables.drop("unreadable");
    if (this.#namedTopics.has(topic)) return;
    this.#namedTopics.add(topic);
    this.#options.logger.warn({ topic, problem }, "record of a topic cannot be read");
  }

  #noteTarget(message: Message): void {
    if (message.type !== "report" || !this.#roster.isMember(message.cluster, message.target)) return;
    this.#records.note(message);
  }

  /** The cluster's owner, who hears of its topology, knows itself. */
  #isGone(cluster: string, target: string): boolean {
    return !this.isOwnerOf(cluster) && (this.view.target(cluster, target)?.goneAtMs ?? null) !== null;
  }

  #expectKnownTargets({ windows }: PanesLane): void {
    for (const { report, goneAtMs } of this.view.targets()) {
      if (goneAtMs !== null) continue;
      this.targets.add(report);
      windows.expect(report);
    }
  }

  #targetChanged(cluster: string, target: string, goneAtMs: number | null): void {
    if (goneAtMs === null) return;
    for (const { windows } of this.#lanes.values()) windows.forget(cluster, target);
    this.#aggregator.forget(cluster, target);
  }

  #incidentChanged(incident: Incident): void {
    this.incidents.learnNotified(incident.id, incident.notified);
    if (!this.#isStateRead) return;
    this.#options.onIncident(incident);
    if (this.#mayTell(incident.key.cluster)) this.notifier.offer(incident);
  }

  #held(cluster: string, bucket: number): void {
    const { clock } = this.#options;
    for (const incident of this.view.incidentsOf(cluster, bucket))
      this.incidents.adopt(incident, clock.now());
    if (bucket !== 0) return;
    this.#writeHotSet(cluster);
    for (const { report, goneAtMs } of this.view.targets()) {
      if (report.cluster === cluster && goneAtMs === null)
        this.#roster.noteTarget(cluster, report.target, clock.now());
    }
    const cancel = clock.after(HANDOVER_MS, () => this.#tellAll(cluster));
    this.#telling.set(cluster, { isOver: false, cancel });
  }

  #lost(cluster: string, bucket: number): void {
    this.incidents.release(({ key, slot }) => key.cluster === cluster && this.#bucketOf(slot) === bucket);
    if (bucket !== 0) return;
    this.#telling.get(cluster)?.cancel();
    this.#telling.delete(cluster);
    this.#records.release(cluster);
    this.notifier.withdraw(cluster);
  }

  #tellAll(cluster: string): void {
    this.#telling.set(cluster, { isOver: true, cancel: () => {} });
    for (const incident of this.view.incidents()) {
      if (incident.key.cluster === cluster) this.notifier.offer(incident);
    }
  }

  /** There is nothing in it yet; that it is empty has to be said, or leases of long ago would stand. */
  #writeHotSet(cluster: string): void {
    const authority = this.#claims.authorityOf(cluster, 0);
    if (authority !== null) this.#options.outlet.hotSet({ authority, version: 1, leases: [] });
  }

  #mayTell(cluster: string): boolean {
    return (this.#telling.get(cluster)?.isOver ?? false) && this.isOwnerOf(cluster);
  }

  #logNotified(incidentId: string, notified: Incident["notified"][number]): void {
    const incident = this.view.incident(incidentId);
    if (incident === undefined) return;
    const { cluster } = incident.key;
    // That somebody was told is true whoever owns the cluster by now.
    const authority = this.#claims.authorityOf(cluster, 0) ?? this.#nobody(cluster);
    const { receiver } = notified;
    const entries = [...this.view.notified(incidentId, receiver), notified];
    this.#options.outlet.state({ type: "notified", authority, incidentId, receiver, entries });
  }

  #writeAgain(record: StateRecord): void {
    const { cluster, bucket } = record.authority;
    const authority = this.#claims.authorityOf(cluster, bucket);
    if (authority === null) return;
    const current = record.type === "incident" ? this.incidents.get(record.incident.id) : undefined;
    const incident = current && { ...current, notified: [] };
    this.#options.outlet.state({ ...record, ...(incident && { incident }), authority });
  }

  #authorityOf({ key, slot }: Incident): Authority | null {
    return this.#claims.authorityOf(key.cluster, this.#bucketOf(slot));
  }

  #nobody(cluster: string): Authority {
    return { cluster, bucket: 0, term: 0, instance: this.#options.instance };
  }

  #bucketOf(slot: number | null): number {
    return slot === null ? 0 : bucketOfSlot(slot, this.#options.config.kafka.buckets);
  }
}

function receiversOf({ notified }: Incident): string[] {
  return [...new Set(notified.map(({ receiver }) => receiver))];
}
