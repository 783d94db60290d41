import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../../src/config/load.ts";
import { RuleSet } from "../../../src/rules/rule-set.ts";
import { incidentOf } from "../incidents/samples.ts";

function ruleSet(...rules: object[]): RuleSet {
  return new RuleSet(defaultConfig({ rules }).rules);
}

const FLAGS = { name: "flags", type: "rate", threshold: "9000/s", match: { key: "flag:*" } };
const REST = { name: "rest", type: "rate", threshold: "1000/s" };

function judgeOf(rules: RuleSet, key: string, services: string[] = [], cluster = "shop"): string[] {
  const bytes = Buffer.from(key);
  return rules.groups.flatMap(
    (group) => rules.ruleFor(group, { cluster, db: 0, bytes }, () => services)?.rule.name ?? [],
  );
}

test("of the rules of one type, kind and window, the first that matches a key judges it", () => {
  const rules = ruleSet(
    FLAGS,
    REST,
    { ...REST, name: "reads", kind: "read" },
    { ...REST, name: "slow", window: "60s" },
    { name: "missing", type: "misses" },
  );
  assert.deepEqual(judgeOf(rules, "flag:x"), ["flags", "reads", "slow", "missing"]);
  assert.deepEqual(judgeOf(rules, "user:1"), ["rest", "reads", "slow", "missing"]);
});

test("a rule for a service judges the keys that it uses", () => {
  const rules = ruleSet({ ...FLAGS, match: { service: "check*" } }, REST);
  assert.deepEqual(judgeOf(rules, "user:1", ["cart", "checkout"]), ["flags"]);
  assert.deepEqual(judgeOf(rules, "user:1", ["cart"]), ["rest"]);
});

test("a group is screened by the lowest of its thresholds", () => {
  const [group] = ruleSet(FLAGS, REST).groups;
  assert.deepEqual(group?.screen, { at: "part", of: "total", least: 10_000 });
});

test("rules on targets are chosen by their cluster, the first that matches", () => {
  const rules = ruleSet(
    { name: "shop-blind", type: "blind", match: { cluster: "shop" } },
    { name: "blind", type: "blind" },
    { name: "skew", type: "skew" },
  );
  assert.equal(rules.targetRule("blind", "shop")?.name, "shop-blind");
  assert.equal(rules.targetRule("blind", "other")?.name, "blind");
  assert.equal(rules.targetRule("skew", "shop")?.name, "skew");
  assert.deepEqual(rules.groups, []);
});

test("an incident is judged on while the rule that opened it is the first for its subject", () => {
  const incident = incidentOf({ rule: "rest" });
  assert.equal(ruleSet(FLAGS, REST).judges(incident), true);
  assert.equal(ruleSet(FLAGS, { ...REST, threshold: "5/s" }).judges(incident), true);
  assert.equal(
    ruleSet({ ...FLAGS, match: { key: "user:*" } }, REST).judges(incident),
    false,
    "another is first",
  );
  assert.equal(ruleSet({ ...REST, window: "60s" }).judges(incident), false, "it looks at another window");
  assert.equal(ruleSet({ ...REST, kind: "read" }).judges(incident), false, "it looks at another kind");
  assert.equal(ruleSet(FLAGS).judges(incident), false, "it is gone");
  const blind = incidentOf({ rule: "blind", key: null, windowMs: 0 });
  assert.equal(ruleSet({ name: "blind", type: "blind" }).judges(blind), true);
  assert.equal(ruleSet({ name: "blind", type: "blind", match: { cluster: "x" } }).judges(blind), false);
});

test("that more services use a key by now ends no incident, when rules are read again", () => {
  const rules = ruleSet(
    { ...FLAGS, match: { service: "checkout" } },
    { ...REST, name: "carts", match: { service: "cart" } },
    REST,
  );
  const users = { cart: 0.5, checkout: 0.5 };
  assert.equal(rules.judges(incidentOf({ rule: "carts", users })), true);
  assert.equal(rules.judges(incidentOf({ rule: "rest", users })), true);
  assert.equal(rules.judges(incidentOf({ rule: "carts", users: { search: 1 } })), false, "not its service");
});
