import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMargin, formatRate, formatShare } from "../../../../src/cli/view/numbers.ts";

test("rates have thousands separated, and a decimal only where it says something", () => {
  assert.deepEqual([0, 12.34, 99, 100.4, 8012.4, 1_234_567].map(formatRate), [
    "0",
    "12.3",
    "99",
    "100",
    "8,012",
    "1,234,567",
  ]);
});

test("a margin of nothing is exact, and an unknown one is not shown as one", () => {
  assert.deepEqual([0, 0.01, 0.25, 300, null].map(formatMargin), [
    "exact",
    "±<0.1",
    "±0.3",
    "±300",
    "no max",
  ]);
});

test("an unknown share is no share of 0", () => {
  assert.deepEqual([formatShare(0), formatShare(null)], ["0.0%", "-"]);
});
