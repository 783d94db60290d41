import { Aggregator } from "./aggregator.ts";
import { demandsIn, demandsOver } from "./cluster-demands.ts";
import type { ClusterOutlet } from "./cluster-outlet.ts";
import { ClusterSilences } from "./cluster-silences.ts";
import { ClusterTelling } from "./cluster-telling.ts";
import type { Config, Rule } from "./config/schema.ts";
import { HeatTeller } from "./heat-teller.ts";
import { IncidentBook } from "./incidents/book.ts";
import { LeaseTeller } from "./lease-teller.ts";
import type { TargetCoverage } from "./model/coverage.ts";
import type { Incident } from "./model/incident.ts";
import { bucketOfSlot } from "./model/slot.ts";
import { type Authority, incidentKeys, type OwnedRecord, ownerKey, stateKey } from "./model/state-record.ts";
import { Muting } from "./notify/muting.ts";
import type { Notifier } from "./notify/notifier.ts";
import type { Receiver } from "./notify/receivers/receiver.ts";
import { Claims } from "./ownership/claims.ts";
import { StateStore } from "./ownership/state-store.ts";
import { StateView } from "./ownership/state-view.ts";
import { TargetRecords } from "./ownership/target-records.ts";
import type { PanesLane, PanesRecord } from "./panes-lane.ts";
import { PanesLanes } from "./panes-lanes.ts";
import { RuleSet } from "./rules/rule-set.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import { TableReader, type TableRecord } from "./table-reader.ts";
import type { Message } from "./transport/transport.ts";
import { HeatBoard } from "./windows/heat-board.ts";
import { Roster } from "./windows/roster.ts";
import { ServiceTable } from "./windows/service-table.ts";
import { TargetTable } from "./windows/target-table.ts";

/** Open incidents are written every few seconds while their figures change. */
const UNSEEN_MS = 60_000;
const PRUNE_EVERY_MS = 60_000;

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
  readonly muting: Muting;
  readonly silences: ClusterSilences;
  readonly leases: LeaseTeller;
  readonly #options: ClusterAggregatorOptions;
  readonly #lanes: PanesLanes;
  readonly #telling: ClusterTelling;
  readonly #heat: HeatTeller;
  readonly #reader: TableReader;
  readonly #claims: Claims;
  readonly #records: TargetRecords;
  readonly #aggregator: Aggregator;
  readonly #roster = new Roster();
  readonly #ledgers = {
    records: new Ledger("panes"),
    windows: new Ledger("windows"),
    entries: new Ledger("window-entries"),
    incidents: new Ledger("incidents"),
    notify: new Ledger("notify"),
  };
  #rules: readonly Rule[];
  #isStateRead = false;
  #prunedAtMs: number;

  constructor(options: ClusterAggregatorOptions) {
    this.#options = options;
    this.#prunedAtMs = options.clock.now();
    this.#rules = options.config.rules;
    const { config, instance, receivers, outlet, partitionOf, isConfirmed, clock, logger } = options;
    this.muting = new Muting({ rules: config.rules, routes: config.routes, clock });
    this.silences = new ClusterSilences({
      silences: this.muting.silences,
      outlet,
      instance,
      cluster: config.cluster,
      isRead: () => this.#isStateRead,
      // Of a cluster that nobody owns any more, whoever comes first.
      mayErase: (cluster) => this.isOwnerOf(cluster) || this.view.ownerOf(cluster, 0) === null,
      clock,
    });
    this.view = new StateView({
      claimed: (authority) => this.#claims.claimed(authority),
      incidentChanged: (incident) => this.#incidentChanged(incident),
      targetChanged: ({ report, goneAtMs }) => this.#targetChanged(report.cluster, report.target, goneAtMs),
      overwritten: (record) => this.#writeAgain(record),
      unwanted: (incident, { bucket }) => {
        if (this.#claims.authorityOf(incident.cluster, bucket) !== null) this.#erase(incident);
      },
    });
    this.#claims = new Claims({
      instance,
      partitionOf,
      view: this.view,
      termOf: (cluster, bucket) => (bucket === 0 ? this.leases.termOf(cluster) : 0),
      write: (record) => outlet.state(record),
      isConfirmed,
      monotonic: () => clock.monotonic(),
      onHeld: (cluster, bucket) => this.#held(cluster, bucket),
      onLost: (cluster, bucket) => this.#lost(cluster, bucket),
    });
    this.#records = new TargetRecords({
      view: this.view,
      write: (record) => outlet.state(record),
      erase: (record) => outlet.eraseState(record.report.cluster, stateKey(record)),
      authorityOf: (cluster) => this.#claims.authorityOf(cluster, 0),
    });
    const compiled = new RuleSet(config.rules);
    this.incidents = new IncidentBook({
      rules: config.rules,
      isJudged: (incident) => compiled.judges(incident),
      store: new StateStore({
        view: this.view,
        write: (record) => outlet.state(record),
        erase: (incident) => this.#erase(incident),
        authorityOf: (incident) => this.#authorityOf(incident),
      }),
      ledger: this.#ledgers.incidents,
      logger,
      nowMs: clock.now(),
    });
    this.#lanes = new PanesLanes({ config, partitionOf, ledgers: this.#ledgers, logger });
    this.#reader = new TableReader({ partitions: config.kafka.partitions, logger });
    this.#telling = new ClusterTelling({
      config,
      receivers,
      muting: this.muting,
      view: this.view,
      instance,
      authorityOf: (cluster) => this.#claims.authorityOf(cluster, 0),
      write: (record) => outlet.state(record),
      clock,
      logger,
      ledger: this.#ledgers.notify,
    });
    const demandSources = {
      config,
      targets: this.targets,
      leasesOf: (cluster: string) => this.leases.leasesOf(cluster),
    };
    this.#heat = new HeatTeller({
      config,
      instance,
      coverageOf: (cluster, partition) =>
        partitionOf(cluster, 0) === partition ? this.ownCoverage(cluster) : null,
      baselinesOf: (windows, cluster) => this.#aggregator.baselines(windows, cluster),
      demandsOf: (windows, cluster) =>
        this.isOwnerOf(cluster) ? [] : demandsIn(windows, cluster, demandSources).demands,
      tell: (snapshot) => outlet.heat(snapshot),
    });
    this.leases = new LeaseTeller({
      terms: config.hotSet,
      lookOf: (cluster, nowMs) =>
        demandsOver(cluster, nowMs, {
          ...demandSources,
          lanes: this.#lanes.all(),
          board: this.board,
        }),
      authorityOf: (cluster) => this.#claims.authorityOf(cluster, 0),
      write: (hotSet) => outlet.hotSet(hotSet),
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
      // Said while the bucket is not held yet, it would be said to nobody.
      watchesRosterOf: (cluster) => this.isOwnerOf(cluster),
      onGone: (cluster, target) => this.#records.drop(cluster, target, clock.now()),
      // Others hear of it when it has been written; of a pending one nobody else does.
      onIncident: (incident) => {
        if (incident.status === "pending") options.onIncident(incident);
      },
      onTick: (nowMs) => this.#tick(nowMs),
    });
    this.#aggregator.start();
  }

  /** By which it judges. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** Other rules from now on. */
  setRules(rules: readonly Rule[]): void {
    this.#rules = rules;
    this.muting.setRules(rules);
    this.#aggregator.setRules(rules);
    this.#telling.notifier.setRules(rules);
  }

  /** A partition is this process's; its records follow, from those that its windows need. */
  assigned(partition: number): void {
    const lane = this.#lanes.open(partition);
    this.#claims.assign(partition);
    if (this.#isStateRead) this.#expectKnownTargets(lane);
  }

  /** What there was on a partition when it was assigned has been read. */
  caughtUp(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.caughtUp();
    this.#claimForIncidents();
    this.#claimBuckets();
    this.#resumeBaselines(lane);
    this.#aggregator.evaluate(lane.windows);
  }

  /** A partition is another process's. */
  revoked(partition: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    this.#lanes.remove(partition);
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
  state(record: TableRecord): void {
    const read = this.#reader.state(record);
    if (read === null) return;
    if ("removed" in read) {
      this.view.remove(read.removed);
      this.silences.removed(read.removed);
    } else if (read.record.type === "silence") {
      this.silences.read(read.record);
    } else {
      this.view.apply(read.record, record.timestampMs);
    }
  }

  /** A record of the heat topic. */
  heat(record: TableRecord): void {
    const snapshot = this.#reader.heat(record);
    if (snapshot !== null) this.board.put(snapshot, this.#options.clock.now());
  }

  /** A record of the topic of hot sets. */
  hotSet(record: TableRecord): void {
    const hotSet = this.#reader.hotSet(record);
    if (hotSet !== null) this.leases.read(hotSet);
  }

  /** From where on a partition has to be read again. */
  commitOffset(partition: number): number | null {
    return this.#lanes.get(partition)?.commitOffset(this.#options.clock.now()) ?? null;
  }

  /** The topics of state, heat and hot sets have been read to their ends. */
  stateRead(): void {
    this.#isStateRead = true;
    for (const lane of this.#lanes.all()) {
      this.#expectKnownTargets(lane);
      if (lane.isCaughtUp) this.#resumeBaselines(lane);
    }
    this.#claims.ready();
    this.#claimForIncidents();
    this.#claimBuckets();
  }

  /** What it has yet to read or to take up, a line each; empty: it does its share of the work. */
  missing(): readonly string[] {
    if (!this.#isStateRead) return ["the state topic is being read"];
    const behind = this.#lanes.behind();
    if (behind.length > 0) return [`panes are being read again (partitions ${behind.join(", ")})`];
    return this.#claims.isSettled ? [] : ["buckets are being taken up"];
  }

  lanes(): Iterable<PanesLane> {
    return this.#lanes.all();
  }

  get notifier(): Notifier {
    return this.#telling.notifier;
  }

  /** What keeps it from telling all that it should, a line each. */
  problems(): readonly string[] {
    return [...this.incidents.problems(this.#options.clock.now()), ...this.notifier.problems()];
  }

  /** Whether this process tells of a cluster's incidents and targets. */
  isOwnerOf(cluster: string): boolean {
    return this.#claims.authorityOf(cluster, 0) !== null;
  }

  /** What is seen of the targets of a cluster that this process owns; `null`: another does. */
  ownCoverage(cluster: string): readonly TargetCoverage[] | null {
    if (!this.isOwnerOf(cluster)) return null;
    return this.targets.coverage(this.#options.clock.now(), (name) => name === cluster);
  }

  books(): StageBooks[] {
    const ledgers = Object.values(this.#ledgers);
    return [...ledgers.map((ledger) => ledger.books()), this.#reader.books(), this.silences.books()];
  }

  stop(): void {
    this.#aggregator.stop();
    this.#telling.stop();
    this.silences.stop();
    this.muting.stop();
    this.incidents.close();
  }

  #erase(incident: Incident): void {
    for (const key of incidentKeys(incident.id, receiversOf(incident))) {
      this.#options.outlet.eraseState(incident.cluster, key);
    }
  }

  /** Clusters that are heard of no more, and have nothing to be judged, are let go; so are targets long gone. */
  #prune(nowMs: number): void {
    if (Math.abs(nowMs - this.#prunedAtMs) < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = nowMs;
    const needed = new Set<string>();
    for (const { cluster, bucket } of this.#lanes.heardBuckets()) needed.add(ownerKey(cluster, bucket));
    for (const { cluster, slot } of this.incidents.active())
      needed.add(ownerKey(cluster, this.#bucketOf(slot)));
    for (const { cluster, bucket } of this.#claims.releaseUnless((name, one) =>
      needed.has(ownerKey(name, one)),
    )) {
      this.#options.outlet.eraseState(cluster, ownerKey(cluster, bucket));
    }
    this.#records.prune(nowMs);
    this.silences.prune(nowMs);
  }

  #tick(nowMs: number): void {
    const isConfirmed = this.#options.isConfirmed();
    this.#telling.tick(isConfirmed, nowMs);
    if (!isConfirmed) return;
    this.#claims.tick();
    this.#claimBuckets();
    this.#heat.tick(this.#lanes.all(), nowMs);
    this.leases.tick(nowMs);
    this.#prune(nowMs);
  }

  /** Every bucket of which something was heard. */
  #claimBuckets(): void {
    for (const { cluster, bucket } of this.#lanes.heardBuckets()) this.#claims.want(cluster, bucket);
  }

  /** Also what is heard of no more has to be judged until it is over. */
  #claimForIncidents(): void {
    for (const { status, cluster, slot } of this.view.incidents()) {
      const partition = this.#options.partitionOf(cluster, this.#bucketOf(slot));
      const isRead = this.#lanes.get(partition)?.isCaughtUp ?? false;
      if (status !== "resolved" && isRead) this.#claims.want(cluster, this.#bucketOf(slot));
    }
  }

  #noteTarget(message: Message): void {
    if (message.type !== "report" || !this.#roster.isMember(message.cluster, message.target)) return;
    this.#records.note(message);
  }

  /** The cluster's owner, who hears of its topology, knows itself. */
  #isGone(cluster: string, target: string): boolean {
    return !this.isOwnerOf(cluster) && (this.view.target(cluster, target)?.goneAtMs ?? null) !== null;
  }

  /** Goes on with what is usual of keys, as far as it has been read what the partition's owner before has told. */
  #resumeBaselines({ partition, windows }: PanesLane): void {
    for (const { cluster, baselines } of this.board.baselines(partition, this.#options.clock.now()))
      this.#aggregator.resume(windows, cluster, baselines);
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
    this.#lanes.forget(cluster, target);
    this.#aggregator.forget(cluster, target);
  }

  #incidentChanged(incident: Incident): void {
    this.incidents.learnNotified(incident.id, incident.notified);
    this.muting.note(incident);
    if (!this.#isStateRead) return;
    this.#options.onIncident(incident);
    this.#telling.offer(incident);
  }

  #held(cluster: string, bucket: number): void {
    const { clock } = this.#options;
    for (const known of this.view.incidentsOf(cluster, bucket)) this.#adopt(known);
    if (bucket !== 0) return;
    this.leases.held(cluster, clock.now());
    for (const { report, goneAtMs } of this.view.targets()) {
      if (report.cluster === cluster && goneAtMs === null)
        this.#roster.noteTarget(cluster, report.target, clock.now());
    }
    this.#telling.held(cluster);
  }

  /** What was not written for a while was judged by nobody: it is stale until it is seen, and no reason to page. */
  #adopt({ incident, writtenMs }: { readonly incident: Incident; readonly writtenMs: number }): void {
    const { clock, outlet } = this.#options;
    const isUnseen = incident.status !== "resolved" && clock.now() - writtenMs > UNSEEN_MS;
    if (!isUnseen || incident.reason === "stale") {
      this.incidents.adopt(incident, clock.now());
      return;
    }
    const stale: Incident = { ...incident, reason: "stale" };
    this.incidents.adopt(stale, clock.now());
    const authority = this.#authorityOf(incident);
    if (authority !== null)
      outlet.state({ type: "incident", authority, incident: { ...stale, notified: [] } });
  }

  #lost(cluster: string, bucket: number): void {
    this.incidents.release(
      (incident) => incident.cluster === cluster && this.#bucketOf(incident.slot) === bucket,
    );
    if (bucket !== 0) return;
    this.#telling.lost(cluster);
    this.leases.lost(cluster);
    this.#records.release(cluster);
  }

  #writeAgain(record: OwnedRecord): void {
    const { cluster, bucket } = record.authority;
    const authority = this.#claims.authorityOf(cluster, bucket);
    if (authority === null) return;
    const current = record.type === "incident" ? this.incidents.get(record.incident.id) : undefined;
    const incident = current && { ...current, notified: [] };
    this.#options.outlet.state({ ...record, ...(incident && { incident }), authority });
  }

  #authorityOf({ cluster, slot }: Incident): Authority | null {
    return this.#claims.authorityOf(cluster, this.#bucketOf(slot));
  }

  #bucketOf(slot: number | null): number {
    return slot === null ? 0 : bucketOfSlot(slot, this.#options.config.kafka.buckets);
  }
}

function receiversOf({ notified }: Incident): string[] {
  return [...new Set(notified.map(({ receiver }) => receiver))];
}
