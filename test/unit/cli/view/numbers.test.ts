import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatMargin,
  formatRate,
  formatShare,
  formatTimeOfDay,
  marginWithin,
  rateWithin,
} from "../../../../src/cli/view/numbers.ts";

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

test("a number that has no room is told briefly", () => {
  assert.deepEqual([rateWithin(999_999, 7), rateWithin(1_234_567, 7)], ["999,999", "1.2M"]);
  assert.deepEqual(
    [marginWithin(1234, 6), marginWithin(12_345, 6), marginWithin(null, 3)],
    ["±1,234", "±12.3k", "no max"],
  );
});

test("the time of day is that of the place, in two digits each", () => {
  assert.equal(formatTimeOfDay(new Date(2026, 10, 3, 9, 5, 7).getTime()), "09:05:07");
});
