import type { IncidentBook } from "./incidents/book.ts";
import type { Heat } from "./model/heat.ts";
import { type Incident, isOfKey } from "./model/incident.ts";
import { patternOf } from "./model/pattern.ts";
import type { Verdict } from "./model/verdict.ts";
import type { KeyRule } from "./rules/rule.ts";
import type { KeyRuleGroup, RuleSet } from "./rules/rule-set.ts";
import type { Clock } from "./runtime/clock.ts";
import type { ServiceTable } from "./windows/service-table.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { Windows } from "./windows/windows.ts";

/** A service with a smaller share of a key's accesses does not keep it hot. */
const USER_SHARE_MIN = 0.05;

export interface KeyJudgeOptions {
  readonly rules: RuleSet;
  readonly targets: TargetTable;
  readonly services: ServiceTable;
  readonly incidents: IncidentBook;
  readonly clock: Clock;
  /** Whether incidents of a key in this slot are this process's to judge. */
  readonly mayJudge: (cluster: string, slot: number | null) => boolean;
  /** Each incident whose state changed. */
  readonly onIncident: (incident: Incident) => void;
}

/**
 * Windows -> rules -> incidents, for keys.
 *
 * A rise is judged as each part arrives, on the running window, whose sums only grow while a pane is open. A fall waits
 * for closed hops, which are complete or known not to be.
 */
export class KeyJudge {
  readonly #options: KeyJudgeOptions;
  #rules: RuleSet;

  constructor(options: KeyJudgeOptions) {
    this.#options = options;
    this.#rules = options.rules;
  }

  /** Other rules from now on. */
  setRules(rules: RuleSet): void {
    this.#rules = rules;
  }

  /** The sums of a key have grown. */
  rise(windows: Windows, cluster: string, handle: number): void {
    for (const group of this.#rules.groups) {
      const { kind, windowMs, screenCount } = group;
      if (screenCount === null) continue;
      if (windows.runningFiringMax(cluster, handle, windowMs, kind) < screenCount) continue;
      this.#judgeRise(windows, cluster, handle, group);
    }
  }

  /** A hop of a cluster has closed: only a key with an incident can fall. */
  fall(windows: Windows, cluster: string): void {
    for (const incident of [...this.#options.incidents.active()]) {
      if (incident.cluster !== cluster || !isOfKey(incident)) continue;
      const { key, slot } = incident;
      if (!windows.covers(cluster, slot) || !this.#options.mayJudge(cluster, slot)) continue;
      const rule = this.#rules.keyRule(incident.rule);
      if (rule) this.#observe(rule, windows.closedOf(key, rule.rule.window));
    }
  }

  #judgeRise(windows: Windows, cluster: string, handle: number, group: KeyRuleGroup): void {
    const heat = windows.running(cluster, handle, group.windowMs);
    const rule = this.#ruleFor(group, heat);
    if (rule === undefined || rule.judge(heat).verdict !== "hot") return;
    if (this.#options.mayJudge(cluster, heat.slot)) this.#observe(rule, heat);
  }

  /** A rule whose incident is open goes on with it, whoever uses the key by now. */
  #ruleFor(group: KeyRuleGroup, heat: Heat): KeyRule | undefined {
    const { incidents } = this.#options;
    const isOpen = ({ rule }: KeyRule) => incidents.find(rule.name, heat.key) !== undefined;
    const open = group.rules.length > 1 ? group.rules.find(isOpen) : undefined;
    return open ?? this.#rules.ruleFor(group, heat.key, () => Object.keys(heat.services));
  }

  #observe(rule: KeyRule, heat: Heat): void {
    const { incidents, targets, clock, onIncident } = this.#options;
    const nowMs = clock.now();
    const judgement = rule.judge(heat);
    const observation = {
      ...judgement,
      sight: heat,
      verdict: this.#verdictOf(rule, heat, judgement.verdict, nowMs),
      extras: {
        pattern: patternOf(heat.key.bytes),
        facts: targets.factsOf(heat.key),
        coverage: targets.coverageOf(heat.key.cluster, heat.target),
      },
    };
    const changed = incidents.observe(rule.rule, observation, nowMs);
    if (changed) onIncident(changed);
  }

  /** Of a key whose users have fallen silent it is not known whether it has cooled. */
  #verdictOf({ rule }: KeyRule, heat: Heat, verdict: Verdict, nowMs: number): Verdict {
    if (verdict === "hot") return verdict;
    const { incidents, services } = this.#options;
    const users = Object.entries(incidents.find(rule.name, heat.key)?.users ?? {});
    const material = users.filter(([, share]) => share >= USER_SHARE_MIN).map(([name]) => name);
    const span = { fromMs: heat.asOfMs - heat.windowMs, toMs: heat.asOfMs };
    return services.awaited(heat.key.cluster, material, span, nowMs) === null ? verdict : "unknown";
  }
}
