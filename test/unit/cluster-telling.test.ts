import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterTelling } from "../../src/cluster-telling.ts";
import { defaultConfig } from "../../src/config/load.ts";
import type { Incident } from "../../src/model/incident.ts";
import type { Authority, OwnedRecord } from "../../src/model/state-record.ts";
import { StateView } from "../../src/ownership/state-view.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";
import { incidentOf } from "./incidents/samples.ts";
import { FakeReceiver } from "./notify/fake-receiver.ts";
import { routeTo } from "./notify/scene.ts";

const AUTHORITY: Authority = { cluster: "shop", bucket: 0, term: 1, instance: "one" };

/** The owner of a cluster, whose membership is in doubt where a test says so. */
function owner() {
  const clock = new SimulatedClock();
  const receiver = new FakeReceiver("hook", clock);
  const state = { isConfirmed: true };
  const written: OwnedRecord[] = [];
  const view = new StateView({
    claimed: () => {},
    incidentChanged: (incident) => telling.offer(incident),
    targetChanged: () => {},
    overwritten: () => {},
    unwanted: () => {},
  });
  const telling: ClusterTelling = new ClusterTelling({
    config: { routes: [routeTo(["hook"])], rules: defaultConfig().rules },
    receivers: [receiver],
    view,
    instance: "one",
    authorityOf: () => (state.isConfirmed ? AUTHORITY : null),
    write: (record) => written.push(record),
    clock,
    logger: silentLogger,
    ledger: new Ledger("notify"),
  });
  const tick = async () => {
    telling.tick(state.isConfirmed, clock.now());
    await clock.pass(100);
  };
  const read = (incident: Incident) =>
    view.apply({ type: "incident", authority: AUTHORITY, incident }, clock.now());
  view.apply({ type: "owner", authority: AUTHORITY }, clock.now());
  telling.held("shop");
  return { clock, receiver, state, tick, read };
}

test("an incident that is read in a short doubt between two ticks is told after it", async () => {
  const { clock, receiver, state, tick, read } = owner();
  for (let round = 0; round < 20; round++) await tick();
  state.isConfirmed = false;
  read(incidentOf({ startedAtMs: clock.now(), firedAtMs: clock.now() }));
  state.isConfirmed = true;
  assert.equal(receiver.taken.length, 0);
  await tick();
  assert.equal(receiver.taken.length, 1);
});
