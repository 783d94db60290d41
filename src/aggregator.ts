import type { Rule } from "./config/schema.ts";
import type { IncidentBook } from "./incidents/book.ts";
import { KeyJudge } from "./key-judge.ts";
import type { BaselineSeries } from "./model/baseline.ts";
import type { Incident } from "./model/incident.ts";
import type { PanePart } from "./model/pane.ts";
import type { TargetReport } from "./model/target.ts";
import { RuleSet } from "./rules/rule-set.ts";
import type { Clock } from "./runtime/clock.ts";
import { TargetJudge } from "./target-judge.ts";
import type { Message } from "./transport/transport.ts";
import type { Roster } from "./windows/roster.ts";
import type { ServiceTable } from "./windows/service-table.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { Windows } from "./windows/windows.ts";

/** Hops close, and timers of incidents run out, at the latest after so long. */
const TICK_MS = 100;
/** The same while there is no incident and no access: each wake-up costs an idle machine. */
const QUIET_TICK_MS = 300;

export interface AggregatorOptions {
  readonly rules: readonly Rule[];
  readonly targets: TargetTable;
  readonly roster: Roster;
  readonly services: ServiceTable;
  readonly incidents: IncidentBook;
  readonly clock: Clock;
  /** Whether incidents of a key in this slot are this process's to judge. Default: all are. */
  readonly mayJudge?: (cluster: string, slot: number | null) => boolean;
  /** Whether nothing may be judged just now. Default: never. */
  readonly isSuspended?: () => boolean;
  /** Whether others know that a target has left its cluster: its reports count no more. Default: of none. */
  readonly isGone?: (cluster: string, target: string) => boolean;
  /** Whether this process says which targets have left a cluster. Default: it does. */
  readonly watchesRosterOf?: (cluster: string) => boolean;
  /** A target has left its cluster. Default: it is forgotten. */
  readonly onGone?: (cluster: string, target: string) => void;
  /** Each incident whose state changed. */
  readonly onIncident: (incident: Incident) => void;
  /** After each look at what has closed. */
  readonly onTick?: (nowMs: number) => void;
}

/**
 * Messages -> windows -> rules -> incidents.
 *
 * Rises are judged as parts arrive, falls as hops close. There may be several windows, each over the buckets of one
 * partition.
 */
export class Aggregator {
  readonly #options: AggregatorOptions;
  readonly #keys: KeyJudge;
  readonly #targets: TargetJudge;
  readonly #evaluated = new Set<Windows>();
  #cancelTick: () => void = () => {};
  /** Since the last tick. */
  #hasAccesses = false;
  #isStopped = false;

  constructor(options: AggregatorOptions) {
    this.#options = options;
    const rules = new RuleSet(options.rules);
    const mayJudge = options.mayJudge ?? (() => true);
    this.#keys = new KeyJudge({ ...options, rules, mayJudge });
    this.#targets = new TargetJudge({ ...options, rules, mayJudge: (cluster) => mayJudge(cluster, null) });
  }

  /** Other rules from now on. Incidents that no rule judges any more end; they are told of as all changes are. */
  setRules(rules: readonly Rule[]): void {
    const compiled = new RuleSet(rules);
    this.#keys.setRules(compiled);
    this.#targets.setRules(compiled);
    const { incidents, clock, onIncident } = this.#options;
    const ended = incidents.setRules(rules, (incident) => compiled.judges(incident), clock.now());
    for (const incident of ended) onIncident(incident);
  }

  /** Lets time pass from now on. */
  start(): void {
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTick();
  }

  /** Judges what these windows hold, from now on. */
  evaluate(windows: Windows): void {
    this.#evaluated.add(windows);
  }

  /** No longer. */
  leave(windows: Windows): void {
    this.#evaluated.delete(windows);
  }

  /** What is usual of a cluster's keys in these windows, where rules ask for it. */
  baselines(windows: Windows, cluster: string): readonly BaselineSeries[] {
    return this.#keys.baselines(windows, cluster);
  }

  /** Goes on with what another process has told of it. */
  resume(windows: Windows, cluster: string, told: readonly BaselineSeries[]): void {
    this.#keys.resume(windows, cluster, told);
  }

  /** Takes in what belongs to these windows; judges it if they are evaluated. */
  take(windows: Windows, messages: readonly Message[]): void {
    for (const message of messages) this.#takeOne(windows, message);
    if (this.#evaluated.has(windows)) this.#evaluate();
  }

  /** Expects nothing more of a target that has left its cluster: nobody will ever see its keys cool. */
  forget(cluster: string, target: string): void {
    const { targets, incidents, clock, onIncident } = this.#options;
    for (const windows of this.#evaluated) windows.forget(cluster, target);
    targets.forget(cluster, target);
    for (const incident of incidents.decommission(cluster, target, clock.now())) onIncident(incident);
  }

  #schedule(): void {
    const isQuiet = !this.#hasAccesses && !this.#options.incidents.hasActive;
    this.#hasAccesses = false;
    this.#cancelTick = this.#options.clock.after(isQuiet ? QUIET_TICK_MS : TICK_MS, () => {
      this.#evaluate();
      this.#options.onTick?.(this.#options.clock.now());
      if (!this.#isStopped) this.#schedule();
    });
  }

  #takeOne(windows: Windows, message: Message): void {
    const { targets, roster, services, clock } = this.#options;
    switch (message.type) {
      case "part":
        this.#takePart(windows, message);
        return;
      case "facts":
        targets.addFacts(message);
        return;
      case "services":
        services.add(message, clock.now());
        return;
      case "clients":
        targets.addClients(message, clock.now());
        return;
      case "topology":
        roster.noteView(message, clock.now());
        return;
      case "report":
        roster.noteReport(message, clock.now());
        if (!this.#isMember(message)) return;
        targets.add(message);
        windows.expect(message);
    }
  }

  #takePart(windows: Windows, part: PanePart): void {
    const { clock } = this.#options;
    if (part.entries.length > 0) this.#hasAccesses = true;
    const { touched } = windows.add(part, clock.now());
    if (!this.#evaluated.has(windows)) return;
    for (const handle of touched) this.#keys.rise(windows, part.cluster, handle);
  }

  #evaluate(): void {
    if (this.#options.isSuspended?.()) return;
    const { incidents, roster, clock, onIncident } = this.#options;
    const { watchesRosterOf, onGone = (cluster, target) => this.forget(cluster, target) } = this.#options;
    for (const { cluster, target } of roster.gone(clock.now(), watchesRosterOf)) onGone(cluster, target);
    for (const windows of this.#evaluated) {
      // Of hops that close together only the last is still to be seen.
      const closed = new Set(windows.advance(clock.now()).map(({ cluster }) => cluster));
      for (const cluster of closed) this.#keys.hop(windows, cluster);
    }
    this.#targets.judge(clock.now());
    for (const incident of incidents.tick(clock.now())) onIncident(incident);
  }

  #isMember({ cluster, target }: TargetReport): boolean {
    const { roster, isGone } = this.#options;
    return roster.isMember(cluster, target) && !isGone?.(cluster, target);
  }
}
