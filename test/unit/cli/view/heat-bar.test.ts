import assert from "node:assert/strict";
import { test } from "node:test";
import { heatBar } from "../../../../src/cli/view/heat-bar.ts";

test("a bar grows in eighths of a column and never passes its width", () => {
  assert.equal(heatBar(0, 10), "");
  assert.equal(heatBar(0.5, 10), "█████");
  assert.equal(heatBar(0.0125, 10), "▏");
  assert.equal(heatBar(7, 10), "█".repeat(10));
});
