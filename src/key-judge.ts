import type { IncidentBook } from "./incidents/book.ts";
import type { BaselineSeries } from "./model/baseline.ts";
import type { Heat } from "./model/heat.ts";
import { type Incident, isOfKey, type KeyIncident } from "./model/incident.ts";
import { type Key, keyId } from "./model/key.ts";
import { patternOf } from "./model/pattern.ts";
import { NO_TRAIL, type Trail } from "./model/trail.ts";
import type { Verdict } from "./model/verdict.ts";
import type { Judgement, KeyRule } from "./rules/rule.ts";
import type { KeyRuleGroup, RuleSet } from "./rules/rule-set.ts";
import type { Usual } from "./rules/usual.ts";
import type { Clock } from "./runtime/clock.ts";
import { SurgeJudge } from "./surge-judge.ts";
import type { ServiceTable } from "./windows/service-table.ts";
import type { TargetTable } from "./windows/target-table.ts";
import type { Windows } from "./windows/windows.ts";

/** A service with a smaller share of a key's accesses does not keep it hot. */
const USER_SHARE_MIN = 0.05;
/** Each takes some 50 us and more: a storm of incidents must not wait for them. */
const TRAILS_PER_SECOND = 50;

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
  readonly #surges = new SurgeJudge();
  #rules: RuleSet;
  #trails = { sinceMs: 0, count: 0 };

  constructor(options: KeyJudgeOptions) {
    this.#options = options;
    this.#rules = options.rules;
  }

  /** Other rules from now on. */
  setRules(rules: RuleSet): void {
    this.#rules = rules;
  }

  /** What is usual of a cluster's keys, for the process that judges them next. */
  baselines(windows: Windows, cluster: string): readonly BaselineSeries[] {
    return this.#surges.told(windows, cluster, this.#rules.groups);
  }

  /** Goes on with what the process that judged these keys before has told. */
  resume(windows: Windows, cluster: string, told: readonly BaselineSeries[]): void {
    this.#surges.resume(windows, cluster, this.#rules.groups, told);
  }

  /** The sums of a key have grown. */
  rise(windows: Windows, cluster: string, handle: number): void {
    for (const group of this.#rules.groups) {
      const { windowMs, screen } = group;
      if (screen.at !== "part") continue;
      const most =
        screen.of === "bytes"
          ? windows.runningBytes(cluster, handle, windowMs)
          : windows.runningFiringMax(cluster, handle, windowMs, screen.of);
      if (most >= screen.least) this.#judgeRise(windows, windows.running(cluster, handle, windowMs), group);
    }
  }

  /** A hop of a cluster has closed: keys with an incident may have cooled, others rise by what only closed hops tell. */
  hop(windows: Windows, cluster: string): void {
    this.#fall(windows, cluster);
    for (const group of this.#rules.groups) {
      if (group.screen.at !== "hop" || !this.#rules.matchesAnyOf(group, cluster)) continue;
      if (group.type === "surge") this.#riseOfSurges(windows, cluster, group);
      else this.#riseOfShares(windows, cluster, group);
    }
  }

  /** Only a key with an incident can fall. */
  #fall(windows: Windows, cluster: string): void {
    for (const incident of [...this.#options.incidents.active()]) {
      if (incident.cluster !== cluster || !isOfKey(incident)) continue;
      const { key, slot } = incident;
      if (!windows.covers(cluster, slot) || !this.#options.mayJudge(cluster, slot)) continue;
      const rule = this.#rules.keyRule(incident.rule);
      if (!rule) continue;
      const heat = windows.closedOf(key, rule.rule.window);
      const usual = this.#usualOf(windows, rule, incident);
      this.#observe(windows, rule, heat, rule.judge(heat, usual));
    }
  }

  #usualOf(windows: Windows, { rule }: KeyRule, incident: KeyIncident): Usual | null {
    return rule.type === "surge"
      ? this.#surges.usualOf(windows, incident, rule, this.#options.clock.now())
      : null;
  }

  #riseOfSurges(windows: Windows, cluster: string, group: KeyRuleGroup): void {
    const open = new Set<string>();
    for (const { rule, key } of this.#options.incidents.active()) {
      const isOfGroup = key?.cluster === cluster && group.rules.some((one) => one.rule.name === rule);
      if (isOfGroup) open.add(keyId(key.db, key.bytes));
    }
    const mayJudge = (key: Key) => this.#rules.mayJudge(group, key);
    for (const { handle, usual } of this.#surges.hop(windows, cluster, group, open, mayJudge)) {
      this.#judgeRise(windows, windows.closed(cluster, handle, group.windowMs), group, usual);
    }
  }

  #riseOfShares(windows: Windows, cluster: string, group: KeyRuleGroup): void {
    const survey = windows.survey(cluster);
    if (survey === null) return;
    const { windowMs, screen } = group;
    const shareMin = Math.min(...group.rules.map(({ rule }) => rule.threshold));
    for (const { handle } of survey.keysFrom(windowMs, group.kind, screen.least)) {
      if (survey.shareMax(handle, windowMs) < shareMin) continue;
      this.#judgeRise(windows, windows.closed(cluster, handle, windowMs), group);
    }
  }

  /** Of a key that may have risen. */
  #judgeRise(windows: Windows, heat: Heat, group: KeyRuleGroup, usual: Usual | null = null): void {
    const rule = this.#ruleFor(group, heat);
    if (rule === undefined || !this.#options.mayJudge(heat.key.cluster, heat.slot)) return;
    const judgement = rule.judge(heat, usual);
    if (judgement.verdict === "hot") this.#observe(windows, rule, heat, judgement);
  }

  /** A rule whose incident is open goes on with it, whoever uses the key by now. */
  #ruleFor(group: KeyRuleGroup, heat: Heat): KeyRule | undefined {
    const { incidents } = this.#options;
    const isOpen = ({ rule }: KeyRule) => incidents.find(rule.name, heat.key) !== undefined;
    const open = group.rules.length > 1 ? group.rules.find(isOpen) : undefined;
    return open ?? this.#rules.ruleFor(group, heat.key, () => Object.keys(heat.services));
  }

  #observe(windows: Windows, rule: KeyRule, heat: Heat, judgement: Judgement): void {
    const { incidents, targets, clock, onIncident } = this.#options;
    const nowMs = clock.now();
    const isNew = judgement.verdict === "hot" && incidents.find(rule.rule.name, heat.key) === undefined;
    const observation = {
      ...judgement,
      sight: heat,
      verdict: this.#verdictOf(rule, heat, judgement.verdict, nowMs),
      extras: {
        pattern: patternOf(heat.key.bytes),
        facts: targets.factsOf(heat.key),
        coverage: targets.coverageOf(heat.key.cluster, heat.target),
        trail: isNew ? this.#trailBefore(windows, heat, nowMs) : NO_TRAIL,
      },
    };
    const changed = incidents.observe(rule.rule, observation, nowMs);
    if (changed) onIncident(changed);
  }

  /** How hot a key was before its incident: of a storm of them, the first ones are told of. */
  #trailBefore(windows: Windows, { key }: Heat, nowMs: number): Trail {
    if (nowMs - this.#trails.sinceMs >= 1000 || nowMs < this.#trails.sinceMs)
      this.#trails = { sinceMs: nowMs, count: 0 };
    if (this.#trails.count >= TRAILS_PER_SECOND) return NO_TRAIL;
    this.#trails.count++;
    return windows.trailOf(key);
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
