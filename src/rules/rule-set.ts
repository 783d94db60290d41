import type { Rule, RuleType } from "../config/schema.ts";
import type { Incident } from "../model/incident.ts";
import type { Key } from "../model/key.ts";
import { bandwidthRule } from "./bandwidth.ts";
import { compileMatch, type RuleMatcher, type Services } from "./match.ts";
import { missesRule } from "./misses.ts";
import { rateRule } from "./rate.ts";
import type { KeyRule, Screen } from "./rule.ts";
import { shareRule } from "./share.ts";
import { surgeRule } from "./surge.ts";

/** Rules of one type on one kind of access in one window: of those that match a key, the first judges it. */
export interface KeyRuleGroup {
  readonly type: Rule["type"];
  readonly kind: Rule["kind"];
  readonly windowMs: number;
  /** As the lowest of its rules has it. */
  readonly screen: Screen;
  readonly rules: readonly KeyRule[];
}

/** The rules of a config, compiled. */
export class RuleSet {
  readonly rules: readonly Rule[];
  readonly groups: readonly KeyRuleGroup[];
  readonly #keyRules = new Map<string, KeyRule>();
  readonly #matchers = new Map<string, RuleMatcher>();

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
    const byGroup = new Map<string, KeyRule[]>();
    for (const rule of rules) {
      this.#matchers.set(rule.name, compileMatch(rule));
      const keyRule = keyRuleOf(rule);
      if (keyRule === null) continue;
      this.#keyRules.set(rule.name, keyRule);
      const name = `${rule.type} ${rule.kind} ${rule.window}`;
      byGroup.set(name, [...(byGroup.get(name) ?? []), keyRule]);
    }
    this.groups = Array.from(byGroup.values(), groupOf);
  }

  /** The rule of this name that judges keys. */
  keyRule(name: string): KeyRule | undefined {
    return this.#keyRules.get(name);
  }

  /** The rule of a group that judges this key, if any. */
  ruleFor(group: KeyRuleGroup, key: Key, services: Services): KeyRule | undefined {
    return group.rules.find(({ rule }) => this.#matchers.get(rule.name)!.matchesKey(key, services));
  }

  /** Whether a rule of a group judges keys in this cluster. */
  matchesAnyOf(group: KeyRuleGroup, cluster: string): boolean {
    return group.rules.some(({ rule }) => this.#matchers.get(rule.name)!.matchesCluster(cluster));
  }

  /** Whether a rule of a group judges this key, if the right service uses it. */
  mayJudge(group: KeyRuleGroup, key: Key): boolean {
    return group.rules.some(({ rule }) => this.#matchers.get(rule.name)!.mayMatchKey(key));
  }

  /** Those that judge targets as a whole. */
  get targetRules(): readonly Rule[] {
    return this.rules.filter(({ type }) => isTargetType(type));
  }

  /** Of the rules of a type that judges targets, the one for this cluster. */
  targetRule(type: RuleType, cluster: string): Rule | undefined {
    return this.rules.find(
      (rule) => rule.type === type && this.#matchers.get(rule.name)!.matchesCluster(cluster),
    );
  }

  /** Whether the rule of an incident is still there and would still be the one that judges its subject. */
  judges(incident: Incident): boolean {
    const rule = this.rules.find(({ name }) => name === incident.rule);
    if (rule === undefined || rule.kind !== incident.kind) return false;
    if (incident.key === null) return this.targetRule(rule.type, incident.cluster) === rule;
    const group = this.groups.find(({ rules }) => rules.some((member) => member.rule === rule));
    if (group === undefined || group.windowMs !== incident.windowMs) return false;
    return this.#goesOnWith(group, incident.key, rule, () => Object.keys(incident.users));
  }

  /**
   * Whether a rule that was the first for a key is so still. One that stands before it and asks for services is not
   * looked at: whoever uses the key by now, its incident goes on under the rule that opened it.
   */
  #goesOnWith({ rules }: KeyRuleGroup, key: Key, rule: Rule, services: Services): boolean {
    const matches = ({ name }: Rule) => this.#matchers.get(name)!.matchesKey(key, services);
    const before = rules.slice(
      0,
      rules.findIndex((member) => member.rule === rule),
    );
    return matches(rule) && !before.some((one) => one.rule.match.service === "*" && matches(one.rule));
  }
}

function isTargetType(type: RuleType): boolean {
  return type === "skew" || type === "blind";
}

/** `null`: it does not judge keys. */
function keyRuleOf(rule: Rule): KeyRule | null {
  switch (rule.type) {
    case "rate":
      return rateRule(rule);
    case "misses":
      return missesRule(rule);
    case "share":
      return shareRule(rule);
    case "surge":
      return surgeRule(rule);
    case "bandwidth":
      return bandwidthRule(rule);
    case "skew":
    case "blind":
      return null;
  }
}

function groupOf(rules: readonly KeyRule[]): KeyRuleGroup {
  const [{ rule, screen }] = rules as readonly [KeyRule];
  const least = Math.min(...rules.map((one) => one.screen.least));
  return { type: rule.type, kind: rule.kind, windowMs: rule.window, screen: { ...screen, least }, rules };
}
