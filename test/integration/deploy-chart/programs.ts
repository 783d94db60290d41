import assert from "node:assert/strict";
import { test } from "node:test";
import { findHelm } from "../../support/chart/helm.ts";

/** On a machine that never built it, with both cores busy. */
const BUILD_MS_MAX = 1_800_000;

test("Helm can be had", { timeout: BUILD_MS_MAX }, async (t) => {
  const helm = await findHelm(t);
  // It skips then.
  if (helm === null) return;
  const { code, output } = await helm.run(["version", "--short"]);
  assert.equal(code, 0, output);
  assert.match(output, /^v4\./);
});
