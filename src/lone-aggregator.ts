import { Aggregator } from "./aggregator.ts";
import { demandsIn } from "./cluster-demands.ts";
import type { LeaseTerms } from "./config/hot-set.ts";
import type { Config, Rule } from "./config/schema.ts";
import { IncidentBook } from "./incidents/book.ts";
import type { IncidentStore } from "./incidents/store.ts";
import { LeaseTeller } from "./lease-teller.ts";
import type { HotSet } from "./model/hot-set.ts";
import type { Incident } from "./model/incident.ts";
import { Muting } from "./notify/muting.ts";
import { Notifier } from "./notify/notifier.ts";
import type { Receiver } from "./notify/receivers/receiver.ts";
import { RuleSet } from "./rules/rule-set.ts";
import { Ledger, type StageBooks } from "./runtime/accounting.ts";
import type { ByteBudget } from "./runtime/byte-budget.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import type { Message } from "./transport/transport.ts";
import { Roster } from "./windows/roster.ts";
import { ServiceTable } from "./windows/service-table.ts";
import { TargetTable } from "./windows/target-table.ts";
import { Windows } from "./windows/windows.ts";

export interface LoneAggregatorOptions {
  readonly config: Pick<Config, "rules" | "routes" | "windows" | "grace" | "panes">;
  /** Into how many buckets the slots are divided. Default: any number will do. */
  readonly buckets?: number;
  readonly receivers: readonly Receiver[];
  /** Begins with what it holds. */
  readonly store: IncidentStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the windows; see there for the defaults. */
  readonly budgets?: { readonly keys: ByteBudget; readonly parts: ByteBudget };
  /** Each incident whose state, or whose log, changed. */
  readonly onIncident: (incident: Incident) => void;
  /** By which terms keys are leased, and who hears of each hot set that has changed. Default: there is none. */
  readonly hotSet?: { readonly terms: LeaseTerms; readonly write: (hotSet: HotSet) => void };
}

/**
 * The stages of an aggregator that shares its work with nobody: messages -> windows -> rules -> incidents -> muting ->
 * notification.
 */
export class LoneAggregator {
  readonly windows: Windows;
  readonly targets = new TargetTable();
  readonly incidents: IncidentBook;
  readonly muting: Muting;
  readonly notifier: Notifier;
  /** `null`: no keys are leased. */
  readonly leases: LeaseTeller | null;
  readonly #aggregator: Aggregator;
  readonly #roster = new Roster();
  readonly #clock: Clock;
  readonly #ledgers = {
    windows: new Ledger("windows"),
    incidents: new Ledger("incidents"),
    notify: new Ledger("notify"),
  };
  #rules: readonly Rule[];

  constructor(options: LoneAggregatorOptions) {
    const { config, receivers, store, clock, logger, budgets, buckets, onIncident } = options;
    const { rules, routes } = config;
    this.#rules = rules;
    this.#clock = clock;
    const nowMs = clock.now();
    const compiled = new RuleSet(rules);
    this.incidents = new IncidentBook({
      rules,
      isJudged: (incident) => compiled.judges(incident),
      store,
      ledger: this.#ledgers.incidents,
      logger,
      nowMs,
    });
    this.muting = new Muting({ rules, routes, clock });
    this.notifier = new Notifier({
      routes,
      receivers,
      rules,
      clock,
      logger,
      ledger: this.#ledgers.notify,
      muting: this.muting,
      current: (id) => this.incidents.get(id),
      onNotified: (id, notified) => {
        const logged = this.incidents.recordNotified(id, notified);
        if (logged) onIncident(logged);
      },
    });
    this.windows = new Windows({
      windowsMs: config.windows,
      hopMs: config.panes.length,
      graceMs: config.grace,
      ...(buckets !== undefined && { buckets }),
      ...(budgets && { keyBudget: budgets.keys, partBudget: budgets.parts }),
      ledger: this.#ledgers.windows,
      logger,
    });
    this.leases = options.hotSet ? this.#leasesBy(options.hotSet) : null;
    this.#aggregator = new Aggregator({
      rules,
      targets: this.targets,
      roster: this.#roster,
      services: new ServiceTable(nowMs),
      incidents: this.incidents,
      clock,
      onIncident: (incident) => {
        this.muting.note(incident);
        this.notifier.offer(incident);
        onIncident(incident);
      },
      onTick: (atMs) => {
        this.notifier.tick(atMs);
        for (const cluster of this.windows.clusters()) this.leases?.held(cluster, atMs);
        this.leases?.tick(atMs);
      },
    });
    this.#aggregator.evaluate(this.windows);
  }

  /** Goes on with the incidents of before a restart, and lets time pass. */
  start(): void {
    const active = [...this.incidents.active()];
    for (const incident of active) this.muting.note(incident);
    for (const incident of [...active, ...this.incidents.owing()]) this.notifier.offer(incident);
    for (const { cluster, target } of active) {
      if (target !== null) this.#roster.noteTarget(cluster, target, this.#clock.now());
    }
    this.#aggregator.start();
  }

  take(messages: readonly Message[]): void {
    this.#aggregator.take(this.windows, messages);
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
    this.notifier.setRules(rules);
  }

  /** What keeps it from telling all that it should, a line each. */
  problems(): readonly string[] {
    return [...this.incidents.problems(this.#clock.now()), ...this.notifier.problems()];
  }

  books(): StageBooks[] {
    const { incidents, notify } = this.#ledgers;
    return [...this.windows.books(), incidents.books(), notify.books()];
  }

  #leasesBy({ terms, write }: NonNullable<LoneAggregatorOptions["hotSet"]>): LeaseTeller {
    return new LeaseTeller({
      terms,
      lookOf: (cluster) =>
        demandsIn(this.windows, cluster, {
          config: { windows: this.windows.windowsMs, hotSet: terms },
          targets: this.targets,
          leasesOf: (name) => this.leases?.leasesOf(name) ?? [],
        }),
      authorityOf: (cluster) => ({ cluster, bucket: 0, term: 1, instance: "standalone" }),
      write,
    });
  }

  /** Judges nothing any more; tells for at most `deadlineMs` what waits to be told. */
  async stop(deadlineMs: number): Promise<void> {
    this.#aggregator.stop();
    this.muting.stop();
    await this.notifier.close(deadlineMs);
  }
}
