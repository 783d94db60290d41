import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIncident, encodeIncident } from "../../../src/incidents/stored-form.ts";
import { incidentOf } from "./samples.ts";

test("an incident comes back from a store as it was, and one of an earlier version without its mix", () => {
  const incident = incidentOf();
  const text = encodeIncident(incident);
  assert.deepEqual(decodeIncident(text)?.mix, incident.mix);
  const { mix: _, ...earlier } = JSON.parse(text);
  assert.equal(decodeIncident(JSON.stringify(earlier))?.mix, null);
});
