import assert from "node:assert/strict";
import { test } from "node:test";
import type { FoldedIncident, Incident, IncidentGroup } from "../../../../src/model/incident.ts";
import { webhookBody } from "../../../../src/notify/receivers/webhook-body.ts";
import { incidentOf, START_MS } from "../../incidents/samples.ts";

const skew = (id: string): Incident => ({ ...incidentOf(), id, rule: "skewed", key: null, pattern: "" });
const folded = (name: string, foldedInto: string, ratePerSecond = 2000): FoldedIncident => ({
  ...incidentOf({ name, ratePerSecond }),
  foldedInto,
});

function dataOf(changes: Partial<IncidentGroup>) {
  const group = {
    event: "firing",
    cluster: "shop",
    id: "msg_1",
    atMs: START_MS,
    incidents: [],
    more: 0,
  } as const;
  return JSON.parse(webhookBody({ ...group, ...changes }).toString()).data;
}

test("a skew lists the keys that are folded into it", () => {
  const binary = {
    ...folded("x", "skew-1", 1.234),
    key: { cluster: "shop", db: 3, bytes: Uint8Array.of(0xff) },
  };
  const data = dataOf({
    incidents: [skew("skew-1")],
    folded: [folded("user:1", "skew-1"), binary],
    foldedMore: 4,
  });
  assert.equal(data.key, null);
  assert.deepEqual(data.folded, [
    { key: "user:1", keyEncoding: "utf8", db: 0, ratePerSecond: 2000, incident: "incident-of-user:1" },
    { key: "/w==", keyEncoding: "base64", db: 3, ratePerSecond: 1.2, incident: "incident-of-x" },
  ]);
  assert.equal(data.foldedMore, 4);
});

test("in a group each skew lists its own, and nothing else does", () => {
  const { incidents } = dataOf({
    incidents: [skew("skew-1"), skew("skew-2"), { ...skew("blind-1"), rule: "blind" }],
    folded: [folded("a", "skew-2"), folded("b", "skew-1")],
  });
  assert.deepEqual(
    incidents.map((one: { folded?: { key: string }[] }) => one.folded?.map(({ key }) => key) ?? null),
    [["b"], ["a"], null],
  );
});

test("an incident of a key says nothing of folding", () => {
  assert.equal("folded" in dataOf({ incidents: [incidentOf()], folded: [], foldedMore: 0 }), false);
});
