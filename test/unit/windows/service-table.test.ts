import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServiceState } from "../../../src/model/services.ts";
import { ServiceTable } from "../../../src/windows/service-table.ts";

const NOW_MS = 1_700_000_000_000;

function heard(
  table: ServiceTable,
  agoMs: number,
  fields: Partial<ServiceState> = {},
  agent = "agent-a",
): void {
  const service = { name: "shop", instances: 2, heardMs: NOW_MS - agoMs, saidGoodbye: false, ...fields };
  table.add({ type: "services", agent, cluster: "default", atMs: NOW_MS, services: [service] });
}

test("a service that stopped reporting is awaited for an hour", () => {
  const table = new ServiceTable();
  heard(table, 2000);
  assert.equal(table.awaited("default", ["shop"], NOW_MS), null);
  assert.equal(table.awaited("default", ["other", "shop"], NOW_MS + 5000), "shop");
  assert.equal(table.awaited("default", ["shop"], NOW_MS + 3_600_000), null);
});

test("one that said goodbye may be redeployed: it is awaited for a minute", () => {
  const table = new ServiceTable();
  heard(table, 5000, { saidGoodbye: true });
  assert.equal(table.awaited("default", ["shop"], NOW_MS), "shop");
  assert.equal(table.awaited("default", ["shop"], NOW_MS + 56_000), null);
});

test("nobody waits for services that never reported, or for those of other clusters", () => {
  const table = new ServiceTable();
  heard(table, 5000);
  assert.equal(table.awaited("default", ["web"], NOW_MS), null);
  assert.equal(table.awaited("shop", ["shop"], NOW_MS), null);
  assert.equal(table.awaited("default", [], NOW_MS), null);
});

test("of two agents the one that heard of a service last is right", () => {
  const table = new ServiceTable();
  heard(table, 1000);
  heard(table, 9000, { saidGoodbye: true }, "agent-b");
  assert.equal(table.awaited("default", ["shop"], NOW_MS + 60_000), "shop");
});

test("what is gone for an hour is forgotten", () => {
  const table = new ServiceTable();
  for (let i = 0; i < 10_001; i++) heard(table, 0, { name: `service-${i}` });
  assert.equal(table.turnedAway, 1);
  table.prune(NOW_MS + 3_600_001);
  heard(table, 0);
  assert.equal(table.turnedAway, 1);
});
