import type { Config, RateRule } from "./config/schema.ts";
import type { IncidentBook } from "./incidents/book.ts";
import type { Heat } from "./model/heat.ts";
import type { Incident } from "./model/incident.ts";
import type { PanePart } from "./model/pane.ts";
import { patternOf } from "./model/pattern.ts";
import type { TargetReport } from "./model/target.ts";
import type { Verdict } from "./model/verdict.ts";
import { judge, ruleMatches, severityOf } from "./rules/rate.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Message } from "./transport/transport.ts";
import type { Roster } from "./windows/roster.ts";
import type { ServiceTable } from "./windows/service-table.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { ClosedHop, Windows } from "./windows/windows.ts";

/** Hops close, and timers of incidents run out, at the latest after so long. */
const TICK_MS = 100;
/** The same while there is no incident and no access: each wake-up costs an idle machine. */
const QUIET_TICK_MS = 300;
/** A service with a smaller share of a key's accesses does not keep it hot. */
const USER_SHARE_MIN = 0.05;

export interface AggregatorOptions {
  readonly rules: Config["rules"];
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
 * A rise is judged as each part arrives, on the running window, whose sums only grow while a pane is open. A fall waits
 * for closed hops, which are complete or known not to be. There may be several windows, each over the buckets of one
 * partition.
 */
export class Aggregator {
  readonly #options: AggregatorOptions;
  readonly #evaluated = new Set<Windows>();
  #cancelTick: () => void = () => {};
  /** Since the last tick. */
  #hasAccesses = false;
  #isStopped = false;

  constructor(options: AggregatorOptions) {
    this.#options = options;
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
    for (const handle of touched) this.#judgeRise(windows, part.cluster, handle);
  }

  #judgeRise(windows: Windows, cluster: string, handle: number): void {
    const { rules } = this.#options;
    for (const rule of rules) {
      const most = windows.runningFiringMax(cluster, handle, rule.window, rule.kind);
      if (most < (rule.threshold * rule.window) / 1000) continue;
      if (!ruleMatches(rule, windows.keyOf(cluster, handle))) continue;
      const heat = windows.running(cluster, handle, rule.window);
      if (judge(rule, heat) === "hot" && this.#mayJudge(cluster, heat.slot)) this.#observe(rule, heat);
    }
  }

  #observe(rule: RateRule, heat: Heat): void {
    const { incidents, targets, clock } = this.#options;
    const extras = {
      pattern: patternOf(heat.key.bytes),
      facts: targets.factsOf(heat.key),
      coverage: targets.coverageOf(heat.key.cluster, heat.target),
    };
    const nowMs = clock.now();
    const verdict = this.#verdictOf(rule, heat, nowMs);
    const changed = incidents.observe(rule, heat, verdict, severityOf(rule, heat), nowMs, extras);
    if (changed) this.#options.onIncident(changed);
  }

  /** Of a key whose users have fallen silent it is not known whether it has cooled. */
  #verdictOf(rule: RateRule, heat: Heat, nowMs: number): Verdict {
    const { incidents, services } = this.#options;
    const verdict = judge(rule, heat);
    if (verdict === "hot") return verdict;
    const users = Object.entries(incidents.find(rule.name, heat.key)?.users ?? {});
    const material = users.filter(([, share]) => share >= USER_SHARE_MIN).map(([name]) => name);
    const span = { fromMs: heat.asOfMs - heat.windowMs, toMs: heat.asOfMs };
    return services.awaited(heat.key.cluster, material, span, nowMs) === null ? verdict : "unknown";
  }

  #evaluate(): void {
    if (this.#options.isSuspended?.()) return;
    const { incidents, roster, clock, onIncident } = this.#options;
    const { watchesRosterOf, onGone = (cluster, target) => this.forget(cluster, target) } = this.#options;
    for (const { cluster, target } of roster.gone(clock.now(), watchesRosterOf)) onGone(cluster, target);
    for (const windows of this.#evaluated) {
      for (const hop of windows.advance(clock.now())) this.#judgeHop(windows, hop);
    }
    for (const incident of incidents.tick(clock.now())) onIncident(incident);
  }

  /** Only a key with an incident can fall. */
  #judgeHop(windows: Windows, { cluster }: ClosedHop): void {
    const { incidents, rules } = this.#options;
    for (const incident of [...incidents.active()]) {
      const { key, slot } = incident;
      if (key.cluster !== cluster || !windows.covers(cluster, slot) || !this.#mayJudge(cluster, slot))
        continue;
      const rule = rules.find(({ name }) => name === incident.rule);
      if (rule) this.#observe(rule, windows.closedOf(key, rule.window));
    }
  }

  #isMember({ cluster, target }: TargetReport): boolean {
    const { roster, isGone } = this.#options;
    return roster.isMember(cluster, target) && !isGone?.(cluster, target);
  }

  #mayJudge(cluster: string, slot: number | null): boolean {
    return this.#options.mayJudge?.(cluster, slot) ?? true;
  }
}
