import assert from "node:assert/strict";
import { test } from "node:test";
import { auditOf, severe } from "../../support/npm-audit.ts";

test("an audit that found something high or critical is severe", () => {
  const printed = (high: number, critical: number) =>
    JSON.stringify({
      auditReportVersion: 2,
      vulnerabilities: {},
      metadata: { vulnerabilities: { info: 0, low: 3, moderate: 1, high, critical, total: 4 } },
    });
  const counts = [printed(0, 0), printed(2, 0), printed(0, 1)].map((text) => {
    const audit = auditOf(text);
    return "found" in audit ? severe(audit.found) : audit.unknown;
  });
  assert.deepEqual(counts, [0, 2, 1]);
});

test("an audit without an answer is unknown, not clean", () => {
  const refused = JSON.stringify({ message: "405 Method Not Allowed", error: { summary: "", detail: "" } });
  assert.deepEqual(auditOf(refused), { unknown: "405 Method Not Allowed" });
  assert.deepEqual(auditOf(JSON.stringify({ error: { summary: "no lockfile" } })), {
    unknown: "no lockfile",
  });
  assert.deepEqual(auditOf(""), { unknown: "npm audit printed nothing" });
});
