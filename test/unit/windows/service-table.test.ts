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
  const told = { name: "shop", instances: 2, saidGoodbye: false, returnedMs: 0, gapMs: 1000 };
  const service = { ...told, heardMs: NOW_MS - agoMs, ...fields };
  table.add({ type: "services", agent, cluster: "default", atMs: NOW_MS, services: [service] }, NOW_MS);
}

/** Of what happens now. */
function awaited(table: ServiceTable, names: readonly string[], nowMs: number): string | null {
  return table.awaited("default", names, { fromMs: nowMs, toMs: nowMs }, nowMs);
}

test("a service that stopped reporting is awaited for an hour", () => {
  const table = new ServiceTable(NOW_MS - 100_000);
  heard(table, 0);
  assert.equal(awaited(table, ["shop"], NOW_MS), null);
  assert.equal(awaited(table, ["shop"], NOW_MS + 5000), "shop");
  assert.equal(awaited(table, ["shop"], NOW_MS + 3_600_001), null);
});

test("one that said goodbye may be redeployed: it is awaited for a minute", () => {
  const table = new ServiceTable(NOW_MS - 100_000);
  heard(table, 5000, { saidGoodbye: true });
  assert.equal(awaited(table, ["shop"], NOW_MS), "shop");
  assert.equal(awaited(table, ["shop"], NOW_MS + 56_000), null);
});

test("one that was never heard was heard before the start", () => {
  const table = new ServiceTable(NOW_MS - 1000);
  assert.equal(awaited(table, ["web"], NOW_MS), "web");
  assert.equal(awaited(table, ["web"], NOW_MS + 3_600_000), null);
  assert.equal(awaited(table, [], NOW_MS), null);
});

test("of two agents the one that heard of a service last is right", () => {
  const table = new ServiceTable(NOW_MS - 100_000);
  heard(table, 1000);
  heard(table, 9000, { saidGoodbye: true }, "agent-b");
  assert.equal(awaited(table, ["shop"], NOW_MS + 60_000), "shop");
});

test("beyond a limit services are turned away, until others have been gone for an hour", () => {
  const table = new ServiceTable(NOW_MS);
  const told = { instances: 1, saidGoodbye: false, returnedMs: 0, gapMs: 1000 };
  const report = (names: readonly string[], heardMs: number) => {
    const services = names.map((name) => ({ ...told, name, heardMs }));
    table.add({ type: "services", agent: "agent-a", cluster: "default", atMs: heardMs, services }, heardMs);
  };
  report(
    Array.from({ length: 10_001 }, (_, i) => `service-${i}`),
    NOW_MS,
  );
  assert.equal(table.turnedAway, 1);
  report(["shop"], NOW_MS + 3_600_001);
  assert.equal(table.turnedAway, 1);
});

test("a window in which a service was silent is not known, though it has come back", () => {
  const table = new ServiceTable(NOW_MS);
  heard(table, 11_000);
  heard(table, 0, { returnedMs: NOW_MS - 7000 });
  const since = (fromMs: number) => table.awaited("default", ["shop"], { fromMs, toMs: NOW_MS }, NOW_MS);
  assert.equal(since(NOW_MS - 7001), "shop");
  assert.equal(since(NOW_MS - 7000), null);
});

test("a pause at one agent is none where another heard of the service", () => {
  const table = new ServiceTable(NOW_MS);
  heard(table, 1000, {}, "agent-b");
  heard(table, 0, { returnedMs: NOW_MS - 200 });
  assert.equal(table.awaited("default", ["shop"], { fromMs: NOW_MS - 10_000, toMs: NOW_MS }, NOW_MS), null);
});

test("a service that always sends seldom is not silent between its batches", () => {
  const table = new ServiceTable(NOW_MS);
  heard(table, 5000, { gapMs: 5000 });
  const span = { fromMs: NOW_MS - 10_000, toMs: NOW_MS };
  assert.equal(table.awaited("default", ["shop"], span, NOW_MS), null);
  assert.equal(
    table.awaited("default", ["shop"], { ...span, toMs: NOW_MS + 10_000 }, NOW_MS + 10_000),
    "shop",
  );
});

test("one that reports at any moment of a second is waited for within a tenth of the window", () => {
  const table = new ServiceTable(NOW_MS);
  heard(table, 900);
  const over = (lengthMs: number) =>
    table.awaited("default", ["shop"], { fromMs: NOW_MS - lengthMs, toMs: NOW_MS }, NOW_MS);
  assert.equal(over(10_000), null);
  assert.equal(over(2000), "shop");
});
