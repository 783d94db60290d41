import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { targetsOf } from "../../../../src/cli/scan/scan-targets.ts";
import { ConfigError } from "../../../../src/config/problem.ts";

test("a scan takes the servers that a config lists, and says that it does not look for pods", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-scan-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const targetsIn = (text: string) => {
    const config = join(folder, "keyheat.yaml");
    writeFileSync(config, text);
    return targetsOf({ redis: [], config, budget: 10 }, {}).map(({ address }) => address);
  };
  const pods = "discovery: { kubernetes: { labelSelector: app=redis } }";
  assert.deepEqual(targetsIn(`targets: [{ url: 'redis://a' }]\n${pods}`), ["a:6379"]);
  assert.throws(
    () => targetsIn(pods),
    (error: unknown) =>
      error instanceof ConfigError &&
      error.problems[0]?.message ===
        "a scan does not look for pods; name one in place of the config (--redis redis://ADDRESS:6379)",
  );
});
