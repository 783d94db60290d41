import assert from "node:assert/strict";
import { test } from "node:test";
import { Aggregator } from "../../src/aggregator.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { IncidentBook } from "../../src/incidents/book.ts";
import { memoryStore } from "../../src/incidents/store.ts";
import type { Incident } from "../../src/model/incident.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import type { Message } from "../../src/transport/transport.ts";
import { Roster } from "../../src/windows/roster.ts";
import { ServiceTable } from "../../src/windows/service-table.ts";
import { TargetTable } from "../../src/windows/target-table.ts";
import { Windows } from "../../src/windows/windows.ts";
import { makePart, makeReport, type Row } from "../support/parts.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

/** An aggregator under simulated time, with every change of state that it tells of. */
function startAggregator(stored: readonly Incident[] = []) {
  const clock = new SimulatedClock();
  const rule = {
    name: "hot",
    type: "rate",
    window: "10s",
    threshold: "1000/s",
    keepFiringFor: "5s",
    cooldown: "1s",
  };
  const config = defaultConfig({ redisUrls: ["redis://10.0.0.1:6379"], rules: [rule] });
  const windows = new Windows({
    windowsMs: config.windows,
    hopMs: 1000,
    graceMs: 2000,
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  const incidents = new IncidentBook({
    rules: config.rules,
    store: { ...memoryStore(), load: () => stored },
    ledger: new Ledger("incidents"),
    logger: silentLogger,
    nowMs: clock.now(),
  });
  const states: string[] = [];
  const targets = new TargetTable();
  const roster = new Roster();
  const aggregator = new Aggregator({
    rules: config.rules,
    targets,
    roster,
    services: new ServiceTable(clock.now()),
    incidents,
    clock,
    onIncident: ({ status, reason }: Incident) => {
      const state = reason === null ? status : `${status} (${reason})`;
      if (states.at(-1) !== state) states.push(state);
    },
  });
  for (const { cluster, target } of incidents.active()) {
    if (target !== null) roster.noteTarget(cluster, target, clock.now());
  }
  aggregator.evaluate(windows);
  aggregator.start();
  return {
    clock,
    states,
    incidents,
    targets,
    take: (messages: readonly Message[]) => aggregator.take(windows, messages),
  };
}

/** Passes seconds in which the agent sends what clients report. */
function pass(
  { clock, take }: ReturnType<typeof startAggregator>,
  seconds: number,
  rows: readonly Row[],
  services: readonly { readonly name: string; readonly saidGoodbye: boolean; readonly returnedMs?: number }[],
): void {
  for (let second = 0; second < seconds; second++) {
    const startMs = clock.now();
    clock.advance(1000);
    const atMs = clock.now();
    const told = { instances: 1, heardMs: atMs, returnedMs: 0, gapMs: 1000 };
    const heard = services.map((service) => ({ ...told, ...service }));
    take([
      makePart({ startMs }),
      makeReport({ atMs }),
      makePart({ startMs, vantage: "clients", sees: ["read", "write", "miss"], complete: false, rows }),
      { type: "services", agent: "agent-a", cluster: "default", atMs, services: heard },
    ]);
  }
}

const SHOP = { name: "shop", saidGoodbye: false };
const READS: readonly Row[] = [{ key: "flag:x", read: 5000, services: { shop: 5000 } }];

test("a service that falls silent for 20 s, as in a redeploy, changes no state of the keys that it heats", () => {
  const keyheat = startAggregator();
  pass(keyheat, 15, READS, [SHOP]);
  assert.deepEqual(keyheat.states, ["firing"]);
  pass(keyheat, 20, [], []);
  pass(keyheat, 15, READS, [{ ...SHOP, returnedMs: keyheat.clock.now() + 1000 }]);
  assert.deepEqual(keyheat.states, ["firing"]);
});

test("a service that was not heard since the start is awaited for the incidents in which it was a user", () => {
  const before = startAggregator();
  pass(before, 15, READS, [SHOP]);
  const [incident] = before.incidents.list({ limit: 1 });
  const keyheat = startAggregator(incident ? [incident] : []);
  pass(keyheat, 40, [], []);
  assert.equal(keyheat.incidents.list({ limit: 1 })[0]?.status, "firing");
});

test("nor does one that said goodbye and comes back, but one that stays away for a minute is gone", () => {
  const keyheat = startAggregator();
  pass(keyheat, 15, READS, [SHOP]);
  pass(keyheat, 1, READS, [{ name: "shop", saidGoodbye: true }]);
  pass(keyheat, 20, [], []);
  pass(keyheat, 15, READS, [{ ...SHOP, returnedMs: keyheat.clock.now() + 1000 }]);
  assert.deepEqual(keyheat.states, ["firing"]);
  pass(keyheat, 1, READS, [{ name: "shop", saidGoodbye: true }]);
  pass(keyheat, 80, [], []);
  assert.deepEqual(keyheat.states.at(-1), "resolved (cooled)");
});

test("a key that a service stops reading cools while the service goes on reporting", () => {
  const keyheat = startAggregator();
  pass(keyheat, 15, READS, [SHOP]);
  pass(keyheat, 30, [], [SHOP]);
  assert.deepEqual(keyheat.states, ["firing", "recovering", "resolved (cooled)"]);
});

test("a service that never comes back leaves the incident stale, not resolved", () => {
  const keyheat = startAggregator();
  pass(keyheat, 15, READS, [SHOP]);
  pass(keyheat, 90, [], []);
  assert.deepEqual(keyheat.states, ["firing", "firing (stale)"]);
});

test("nobody waits for a service with a small share of the key's accesses", () => {
  const keyheat = startAggregator();
  const rows = [{ key: "flag:x", read: 5000, services: { shop: 4900, canary: 100 } }];
  pass(keyheat, 15, rows, [SHOP, { name: "canary", saidGoodbye: false }]);
  pass(keyheat, 30, [], [SHOP]);
  assert.equal(keyheat.states.at(-1), "resolved (cooled)");
  const [incident] = keyheat.incidents.list({ limit: 1 });
  assert.deepEqual(incident?.users, { shop: 0.98, canary: 0.02 });
});

/** Passes seconds in which an agent tells who belongs to the cluster, and nothing else comes. */
function passViews(
  { clock, take }: ReturnType<typeof startAggregator>,
  seconds: number,
  targets: string[],
): void {
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    const atMs = clock.now();
    const view = { agent: "agent-a", cluster: "default", atMs, targets, slotsCovered: 16_384 };
    take([{ type: "topology", ...view }]);
  }
}

test("a target that no view lists any more is gone 3 s later: its incidents end, and its reports count no more", () => {
  const keyheat = startAggregator();
  pass(keyheat, 15, READS, [SHOP]);
  passViews(keyheat, 3, ["10.0.0.2:6379"]);
  assert.deepEqual(keyheat.states, ["firing"]);
  passViews(keyheat, 3, ["10.0.0.2:6379"]);
  assert.deepEqual(keyheat.states, ["firing", "resolved (decommissioned)"]);
  assert.deepEqual(keyheat.targets.coverage(keyheat.clock.now()), []);
  keyheat.take([makeReport({ atMs: keyheat.clock.now() })]);
  assert.deepEqual(keyheat.targets.coverage(keyheat.clock.now()), []);
  passViews(keyheat, 1, ["10.0.0.1:6379"]);
  keyheat.take([makeReport({ atMs: keyheat.clock.now() })]);
  assert.equal(keyheat.targets.coverage(keyheat.clock.now()).length, 1);
});

test("an incident of an earlier run ends when its target is in no view, and not before a view is there", () => {
  const before = startAggregator();
  pass(before, 15, READS, [SHOP]);
  const [incident] = before.incidents.list({ limit: 1 });
  assert.equal(incident?.target, "10.0.0.1:6379");
  for (const [views, expected] of [
    [[], "firing"],
    [["10.0.0.1:6379"], "firing"],
    [["10.0.0.2:6379"], "resolved"],
  ] as const) {
    const keyheat = startAggregator([incident]);
    if (views.length > 0) passViews(keyheat, 6, [...views]);
    else keyheat.clock.advance(6000);
    assert.equal(keyheat.incidents.list({ limit: 1 })[0]?.status, expected);
  }
});
