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

/** Of what happens now. */
function awaited(table: ServiceTable, names: readonly string[], nowMs: number): string | null {
  return table.awaited("default", names, { fromMs: nowMs, toMs: nowMs }, nowMs);
}

test("a service that stopped reporting is awaited for an hour", () => {
  const table = new ServiceTable();
  heard(table, 0);
  assert.equal(awaited(table, ["shop"], NOW_MS), null);
  assert.equal(awaited(table, ["other", "shop"], NOW_MS + 5000), "shop");
  assert.equal(awaited(table, ["shop"], NOW_MS + 3_600_001), null);
});

test("one that said goodbye may be redeployed: it is awaited for a minute", () => {
  const table = new ServiceTable();
  heard(table, 5000, { saidGoodbye: true });
  assert.equal(awaited(table, ["shop"], NOW_MS), "shop");
  assert.equal(awaited(table, ["shop"], NOW_MS + 56_000), null);
});

test("nobody waits for services that never reported, or for those of other clusters", () => {
  const table = new ServiceTable();
  heard(table, 5000);
  assert.equal(awaited(table, ["web"], NOW_MS), null);
  assert.equal(table.awaited("shop", ["shop"], { fromMs: NOW_MS, toMs: NOW_MS }, NOW_MS), null);
  assert.equal(awaited(table, [], NOW_MS), null);
});

test("of two agents the one that heard of a service last is right", () => {
  const table = new ServiceTable();
  heard(table, 1000);
  heard(table, 9000, { saidGoodbye: true }, "agent-b");
  assert.equal(awaited(table, ["shop"], NOW_MS + 60_000), "shop");
});

test("beyond a limit services are turned away, until others have been gone for an hour", () => {
  const table = new ServiceTable();
  const states = Array.from({ length: 10_001 }, (_, i) => ({
    name: `service-${i}`,
    instances: 1,
    heardMs: NOW_MS,
    saidGoodbye: false,
  }));
  table.add({ type: "services", agent: "agent-a", cluster: "default", atMs: NOW_MS, services: states });
  assert.equal(table.turnedAway, 1);
  const atMs = NOW_MS + 3_600_001;
  const services = [{ name: "shop", instances: 1, heardMs: atMs, saidGoodbye: false }];
  table.add({ type: "services", agent: "agent-a", cluster: "default", atMs, services });
  assert.equal(table.turnedAway, 1);
  assert.equal(awaited(table, ["shop"], atMs + 4000), "shop");
});

test("a window in which a service was silent is not known, though it has come back", () => {
  const table = new ServiceTable();
  for (const agoMs of [11_000, 10_000, 7000, 6000, 5000, 4000, 3000, 2000, 1000, 0]) heard(table, agoMs);
  const since = (fromMs: number) => table.awaited("default", ["shop"], { fromMs, toMs: NOW_MS }, NOW_MS);
  assert.equal(since(NOW_MS - 7001), "shop");
  assert.equal(since(NOW_MS - 7000), null);
});

test("a service that always sends seldom is not silent between its batches", () => {
  const table = new ServiceTable();
  for (const agoMs of [25_000, 20_000, 15_000, 10_000, 5000]) heard(table, agoMs);
  const span = { fromMs: NOW_MS - 10_000, toMs: NOW_MS };
  assert.equal(table.awaited("default", ["shop"], span, NOW_MS), null);
  assert.equal(
    table.awaited("default", ["shop"], { ...span, toMs: NOW_MS + 10_000 }, NOW_MS + 10_000),
    "shop",
  );
});
