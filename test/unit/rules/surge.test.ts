import assert from "node:assert/strict";
import { test } from "node:test";
import type { Heat } from "../../../src/model/heat.ts";
import { judgeSurge } from "../../../src/rules/surge.ts";
import type { Usual } from "../../../src/rules/usual.ts";
import { surgeRuleOf } from "../../support/surge-watch.ts";
import { heatOf } from "../incidents/samples.ts";

const rule = surgeRuleOf({ window: "10s", threshold: "100/s" });

/** 200 accesses a second are usual. */
function usualOf(fields: Partial<Usual> = {}): Usual {
  const baseline = { mean: 2000, dispersion: 1, lagged: [] };
  return { baseline, hopMs: 1000, stoodOutMs: 0, calmHops: 0, ...fields };
}

/** So many accesses in the window that ends at a second; `atMost`: what a falling rule may rely on. */
function heatAt(second: number, count: number, atMost: number | null = count): Heat {
  const bounds = { estimate: count, lower: count, upper: atMost, likely: null };
  const heat = heatOf({ key: "k" });
  return {
    ...heat,
    windowMs: 10_000,
    asOfMs: 1_000_000 + 1000 * second,
    counts: { ...heat.counts, total: bounds },
    clearing: { ...heat.clearing, total: atMost },
  };
}

function verdictsOf(usual: Usual, heats: readonly Heat[]): string[] {
  return heats.map((heat) => judgeSurge(rule, heat, usual).verdict);
}

test("it fires in the second hop of three in which the key stands out", () => {
  const out = (second: number) => heatAt(second, 6000);
  const not = (second: number) => heatAt(second, 5999);
  assert.deepEqual(verdictsOf(usualOf(), [out(1), out(2)]), ["between", "hot"]);
  assert.deepEqual(verdictsOf(usualOf(), [out(1), not(2), out(3)]), ["between", "between", "hot"]);
  assert.deepEqual(verdictsOf(usualOf(), [out(1), not(2), not(3), out(4)]).at(-1), "between");
  assert.deepEqual(
    verdictsOf(usualOf(), [out(1), out(1)]),
    ["between", "between"],
    "one hop, looked at twice",
  );
});

test("what the noise of a key explains does not stand out", () => {
  const noisy = usualOf({ baseline: { mean: 2000, dispersion: 2000, lagged: [] } });
  assert.deepEqual(verdictsOf(noisy, [heatAt(1, 6000), heatAt(2, 6000)]), ["between", "between"]);
});

test("it fires on what is sure, and not on what may be", () => {
  assert.deepEqual(verdictsOf(usualOf(), [heatAt(1, 5000, 9000), heatAt(2, 5000, 9000)]).at(-1), "between");
});

test("calm is what is surely below half of three times the usual, in three hops in a row", () => {
  const calm = (second: number) => heatAt(second, 100, 2999);
  assert.deepEqual(verdictsOf(usualOf(), [calm(1), calm(2), calm(3)]), ["between", "between", "calm"]);
  assert.deepEqual(
    verdictsOf(usualOf(), [calm(1), calm(2), heatAt(3, 100, 3000), calm(4)]).at(-1),
    "between",
  );
  assert.deepEqual(verdictsOf(usualOf(), [calm(1), calm(2), heatAt(3, 100, null), calm(4)]), [
    "between",
    "between",
    "unknown",
    "between",
  ]);
});

test("a key without a past is calm below half of the threshold: three times nothing is nothing", () => {
  const usual = usualOf({ baseline: { mean: 0, dispersion: 1, lagged: [] } });
  const heats = [1, 2, 3].map((second) => heatAt(second, 499));
  assert.equal(verdictsOf(usual, heats).at(-1), "calm");
});

test("without a baseline nothing is said", () => {
  const { verdict, measure } = judgeSurge(rule, heatAt(1, 100_000), null);
  assert.equal(verdict, "unknown");
  assert.deepEqual(measure, { unit: "accesses/s", value: 10_000, threshold: 100, baseline: null });
});
