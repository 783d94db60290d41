import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../../../src/config/schema.ts";
import type { Heat } from "../../../src/model/heat.ts";
import type { Key } from "../../../src/model/key.ts";
import { redactedKey } from "../../../src/model/redacted-key.ts";
import { compileMatch } from "../../../src/rules/match.ts";
import { judgeRate } from "../../../src/rules/rate.ts";

const KEY = { cluster: "shop", db: 0, bytes: Buffer.from("user:1") };

const ANY = { cluster: "*", key: "*", pattern: "*", service: "*" };

function makeRule(fields: Partial<Rule> = {}): Rule {
  return {
    name: "hot-key",
    type: "rate",
    kind: "total",
    window: 10_000,
    threshold: 1000,
    minShare: 0,
    for: 0,
    resolveBelow: 0.8,
    keepFiringFor: 30_000,
    cooldown: 300_000,
    severity: "warning",
    match: ANY,
    ...fields,
  };
}

/** Bounds of the total, in accesses of a 10 s window. */
function makeHeat(lower: number, upper: number | null, fields: Partial<Heat> = {}): Heat {
  const bounds = { estimate: lower, lower, upper, likely: null };
  const none = { estimate: 0, lower: 0, upper: 0, likely: null };
  return {
    key: KEY,
    windowMs: 10_000,
    asOfMs: 0,
    complete: true,
    counts: { read: none, write: bounds, miss: none, total: bounds },
    clearing: { read: 0, write: upper, miss: 0, total: upper },
    currentRatePerSecond: 0,
    vantages: {},
    target: null,
    slot: null,
    shareOfTarget: null,
    commands: {},
    suspect: false,
    services: {},
    absorbed: 0,
    bytes: null,
    ...fields,
  };
}

function judge(rule: Rule, heat: Heat) {
  return judgeRate(rule, heat).verdict;
}

function severityOf(rule: Rule, heat: Heat) {
  return judgeRate(rule, heat).severity;
}

function ruleMatches(rule: Rule, key: Key, services: readonly string[] = []) {
  return compileMatch(rule).matchesKey(key, () => services);
}

test("a rule holds from the exact crossing on, on what is sure", () => {
  assert.equal(judge(makeRule(), makeHeat(10_000, 10_000)), "hot");
  assert.equal(judge(makeRule(), makeHeat(9999, 50_000)), "between");
  assert.equal(judge(makeRule(), makeHeat(10_000, null, { complete: false })), "hot");
});

test("a key is calm when it is surely below resolveBelow, and only then", () => {
  assert.equal(judge(makeRule(), makeHeat(100, 7999)), "calm");
  assert.equal(judge(makeRule(), makeHeat(100, 8000)), "between");
});

test("blind is not quiet: without a bound to clear by, no key is called calm", () => {
  assert.equal(judge(makeRule(), makeHeat(0, null)), "unknown");
  assert.equal(judge(makeRule(), makeHeat(0, null, { complete: false })), "unknown");
});

test("under sampling a rule fires on what is likely at least so, and severity too, and clears by what is at most so", () => {
  const rule = makeRule({ criticalAt: 2000 });
  const sampled = (lower: number, atMost: number) => {
    const total = { estimate: 15_000, lower: 1875, upper: null, likely: { lower, upper: atMost } };
    const heat = makeHeat(0, null, { complete: false });
    const clearing = { ...heat.clearing, total: atMost };
    return { ...heat, counts: { ...heat.counts, total }, clearing };
  };
  assert.equal(judge(rule, sampled(10_000, 20_000)), "hot");
  assert.equal(severityOf(rule, sampled(10_000, 20_000)), "warning");
  assert.equal(severityOf(rule, sampled(20_000, 30_000)), "critical");
  assert.equal(judge(rule, sampled(9999, 20_000)), "between");
  assert.equal(judge(rule, sampled(6000, 7999)), "calm");
});

test("where the upper bound is unknown, the speaking vantage's own may clear", () => {
  const clearing = { read: 0, write: 5, miss: 0, total: 5 };
  assert.equal(judge(makeRule(), makeHeat(5, null, { clearing })), "calm");
});

test("a share that is too small holds a rule back, an unknown one does not", () => {
  const rule = makeRule({ minShare: 0.1 });
  assert.equal(judge(rule, makeHeat(20_000, 20_000, { shareOfTarget: 0.0999 })), "between");
  assert.equal(judge(rule, makeHeat(20_000, 20_000, { shareOfTarget: 0.1 })), "hot");
  assert.equal(judge(rule, makeHeat(20_000, 20_000, { shareOfTarget: null })), "hot");
});

test("a rule looks at its own kind", () => {
  const heat = makeHeat(20_000, 20_000);
  assert.equal(judge(makeRule({ kind: "write" }), heat), "hot");
  assert.equal(judge(makeRule({ kind: "miss" }), heat), "calm");
});

test("severity rises to critical at criticalAt", () => {
  const rule = makeRule({ criticalAt: 5000 });
  assert.equal(severityOf(rule, makeHeat(49_999, 49_999)), "warning");
  assert.equal(severityOf(rule, makeHeat(50_000, 50_000)), "critical");
  assert.equal(severityOf(makeRule({ severity: "info" }), makeHeat(50_000, 50_000)), "info");
});

test("a rule judges the keys and clusters that its globs match", () => {
  const rule = makeRule({ match: { ...ANY, cluster: "sh?p", key: "user:*" } });
  assert.equal(ruleMatches(rule, KEY), true);
  assert.equal(ruleMatches(rule, { ...KEY, cluster: "other" }), false);
  assert.equal(ruleMatches(rule, { ...KEY, bytes: Buffer.from("cart:1") }), false);
});

test("a rule judges the patterns and services that its globs match; of services one is enough", () => {
  const rule = makeRule({ match: { ...ANY, pattern: "user:{n}", service: "check*" } });
  assert.equal(ruleMatches(rule, KEY, ["cart", "checkout"]), true);
  assert.equal(ruleMatches(rule, KEY, ["cart"]), false);
  assert.equal(ruleMatches(rule, KEY), false);
  assert.equal(ruleMatches(rule, { ...KEY, bytes: Buffer.from("user:anna") }, ["checkout"]), false);
});

test("a rule matches a redacted key by its label", () => {
  const bytes = redactedKey({ slot: 0, identity: new Uint8Array(8), label: "user:{n}" });
  for (const [glob, matches] of [
    ["user:*", true],
    ["user:{n}", true],
    ["user:1", false],
    ["user:", false],
  ] as const) {
    assert.equal(ruleMatches(makeRule({ match: { ...ANY, key: glob } }), { ...KEY, bytes }), matches, glob);
  }
});
