import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenIncidents } from "../../../../src/http/console/open-incidents.js";
import { makeOpen } from "./scenes.ts";

test("what fires comes first, of that the severest, of that the hottest", () => {
  const incidents = new OpenIncidents();
  incidents.replace([
    makeOpen({ id: "pending", status: "pending", severity: "critical" }),
    makeOpen({ id: "warm", ratePerSecond: 10 }),
    makeOpen({ id: "hot", ratePerSecond: 20 }),
    makeOpen({ id: "critical", severity: "critical", ratePerSecond: 1 }),
    makeOpen({ id: "calming", status: "recovering" }),
    makeOpen({ id: "over", status: "resolved" }),
  ]);
  const order = ["critical", "hot", "warm", "calming", "pending"];
  assert.deepEqual(
    incidents.sorted().map(({ id }) => id),
    order,
  );
});

test("an event that came while the answer was awaited knows better than the answer", () => {
  const incidents = new OpenIncidents();
  const ids = () => incidents.sorted().map(({ id, ratePerSecond }) => `${id} ${ratePerSecond}`);
  incidents.expect();
  incidents.take(makeOpen({ id: "new", ratePerSecond: 3 }));
  incidents.take(makeOpen({ id: "risen", ratePerSecond: 2 }));
  incidents.take(makeOpen({ id: "over", status: "resolved" }));
  incidents.replace([
    makeOpen({ id: "risen", ratePerSecond: 1 }),
    makeOpen({ id: "over", ratePerSecond: 1 }),
    makeOpen({ id: "same", ratePerSecond: 1 }),
  ]);
  assert.deepEqual(ids(), ["new 3", "risen 2", "same 1"]);
  incidents.expect();
  incidents.replace([makeOpen({ id: "same", ratePerSecond: 4 })]);
  assert.deepEqual(ids(), ["same 4"]);
});
