import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { delimiter, dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { auditOf, severe } from "../support/npm-audit.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TIMEOUT_MS = 120_000;

test("no package that is installed with Keyheat has a known weakness that is high or critical", (t) => {
  const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
    cwd: ROOT,
    env: { ...process.env, PATH },
    encoding: "utf8",
    timeout: TIMEOUT_MS,
  });
  const audit = auditOf(stdout ?? "");
  if ("unknown" in audit) return t.skip(`the registry does not answer npm audit: ${audit.unknown}`);
  assert.equal(severe(audit.found), 0, JSON.stringify(audit.found));
});
