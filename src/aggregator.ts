import type { Config, RateRule } from "./config/schema.ts";
import type { IncidentBook } from "./incidents/book.ts";
import type { Heat } from "./model/heat.ts";
import type { Incident } from "./model/incident.ts";
import type { PanePart } from "./model/pane.ts";
import { patternOf } from "./model/pattern.ts";
import type { Verdict } from "./model/verdict.ts";
import type { Notifier } from "./notify/notifier.ts";
import { judge, ruleMatches, severityOf } from "./rules/rate.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Message, Transport } from "./transport/transport.ts";
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
  readonly windows: Windows;
  readonly targets: TargetTable;
  readonly roster: Roster;
  readonly services: ServiceTable;
  readonly incidents: IncidentBook;
  readonly notifier: Notifier;
  readonly clock: Clock;
  /** Each incident whose state changed. */
  readonly onIncident: (incident: Incident) => void;
}

/**
 * Transport -> windows -> rules -> incidents -> notify.
 *
 * A rise is judged as each part arrives, on the running window, whose sums only grow while a pane is open. A fall waits
 * for closed hops, which are complete or known not to be.
 */
export class Aggregator {
  readonly #options: AggregatorOptions;
  #cancelTick: () => void = () => {};
  /** Since the last tick. */
  #hasAccesses = false;
  #isStopped = false;

  constructor(options: AggregatorOptions) {
    this.#options = options;
  }

  /** Takes messages from `transport` from now on, and takes up what was owed before a restart. */
  start(transport: Transport): void {
    const { incidents, notifier, roster, clock } = this.#options;
    for (const incident of [...incidents.active(), ...incidents.owing()]) notifier.offer(incident);
    for (const { key, target } of incidents.active()) {
      if (target !== null) roster.noteTarget(key.cluster, target, clock.now());
    }
    transport.consume((messages) => this.#take(messages));
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTick();
  }

  #schedule(): void {
    const isQuiet = !this.#hasAccesses && !this.#options.incidents.hasActive;
    this.#hasAccesses = false;
    this.#cancelTick = this.#options.clock.after(isQuiet ? QUIET_TICK_MS : TICK_MS, () => {
      this.#advance();
      if (!this.#isStopped) this.#schedule();
    });
  }

  #take(messages: readonly Message[]): void {
    for (const message of messages) this.#takeOne(message);
    this.#advance();
  }

  #takeOne(message: Message): void {
    const { windows, targets, roster, services, clock } = this.#options;
    switch (message.type) {
      case "part":
        this.#takePart(message);
        return;
      case "facts":
        targets.addFacts(message);
        return;
      case "services":
        services.add(message, clock.now());
        return;
      case "topology":
        roster.noteView(message, clock.now());
        return;
      case "report":
        roster.noteReport(message, clock.now());
        if (!roster.isMember(message.cluster, message.target)) return;
        targets.add(message);
        windows.expect(message);
    }
  }

  #takePart(part: PanePart): void {
    const { windows, targets, clock } = this.#options;
    if (part.entries.length > 0) this.#hasAccesses = true;
    const { outcome, touched } = windows.add(part, clock.now());
    if (outcome === "kept" && part.vantage === "clients") targets.addClients(part);
    for (const handle of touched) this.#judgeRise(part.cluster, handle);
  }

  #judgeRise(cluster: string, handle: number): void {
    const { windows, rules } = this.#options;
    for (const rule of rules) {
      const most = windows.runningFiringMax(cluster, handle, rule.window, rule.kind);
      if (most < (rule.threshold * rule.window) / 1000) continue;
      if (!ruleMatches(rule, windows.keyOf(cluster, handle))) continue;
      const heat = windows.running(cluster, handle, rule.window);
      if (judge(rule, heat) === "hot") this.#observe(rule, heat);
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
    if (changed) this.#tell(changed);
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

  #advance(): void {
    const { windows, incidents, notifier, clock } = this.#options;
    this.#dropGone();
    for (const hop of windows.advance(clock.now())) this.#judgeHop(hop);
    for (const incident of incidents.tick(clock.now())) this.#tell(incident);
    notifier.tick(clock.now());
  }

  /** Nobody will ever see keys cool at a target that has left its cluster. */
  #dropGone(): void {
    const { windows, targets, incidents, roster, clock } = this.#options;
    for (const { cluster, target } of roster.gone(clock.now())) {
      windows.forget(cluster, target);
      targets.forget(cluster, target);
      for (const incident of incidents.decommission(cluster, target, clock.now())) this.#tell(incident);
    }
  }

  /** Only a key with an incident can fall. */
  #judgeHop({ cluster }: ClosedHop): void {
    const { incidents, windows, rules } = this.#options;
    for (const incident of [...incidents.active()]) {
      if (incident.key.cluster !== cluster) continue;
      const rule = rules.find(({ name }) => name === incident.rule);
      if (rule) this.#observe(rule, windows.closedOf(incident.key, rule.window));
    }
  }

  #tell(incident: Incident): void {
    this.#options.notifier.offer(incident);
    this.#options.onIncident(incident);
  }
}
