import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSimulation, type Instance } from "../support/cluster-simulation.ts";
import { makePart, makeReport } from "../support/parts.ts";

const SURGE = { name: "surge", type: "surge", threshold: "100/s" };
const WARM_UP_S = 360;

/** Passes seconds in which an agent reports a key at `perSecond`. */
function pass(simulation: ClusterSimulation, seconds: number, perSecond: number): void {
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    simulation.publish(0, [
      makePart({ startMs, rows: [{ key: "k", write: perSecond }], buckets: 1 }),
      makeReport({ atMs: simulation.clock.now() }),
    ]);
  }
}

function statesOf({ aggregator }: Instance): string[] {
  return Array.from(aggregator.view.incidents(), ({ status }) => status);
}

function baselinesOf({ aggregator }: Instance): (number | null)[] {
  return Array.from(aggregator.view.incidents(), ({ measure }) => measure.baseline);
}

/** A key at 200 accesses a second, warmed up under one process, then another's. */
function handedOver(killed: boolean) {
  const simulation = new ClusterSimulation(SURGE);
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, WARM_UP_S, 200);
  simulation.commit(0);
  if (killed) simulation.kill(one);
  else simulation.revoke(one);
  simulation.assign(two);
  return { simulation, two };
}

for (const killed of [false, true]) {
  test(`who takes over ${killed ? "from one that died" : "a partition"} knows what is usual, and sees a surge at once`, () => {
    const { simulation, two } = handedOver(killed);
    pass(simulation, 12, 1200);
    assert.deepEqual(statesOf(two), ["firing"]);
    const [baseline] = baselinesOf(two);
    assert.ok(Math.abs(baseline! - 200) < 10, `baseline ${baseline}`);
  });
}

test("who has read the panes again before the topic of heats knows what is usual all the same", () => {
  const simulation = new ClusterSimulation(SURGE);
  const one = simulation.join("one");
  simulation.assign(one);
  pass(simulation, WARM_UP_S, 200);
  simulation.commit(0);
  simulation.kill(one);
  const two = simulation.join("two");
  simulation.assign(two);
  const timestampMs = simulation.clock.now();
  for (const value of simulation.heats) two.aggregator.heat({ key: null, value, timestampMs });
  two.aggregator.stateRead();
  pass(simulation, 12, 1200);
  assert.deepEqual(statesOf(two), ["firing"]);
});

test("who takes over takes no usual load for a surge", () => {
  const { simulation, two } = handedOver(false);
  pass(simulation, 60, 500);
  assert.deepEqual(statesOf(two), []);
});

test("an open surge is judged by what was usual before it, and its mean stands still, over a handover", () => {
  const simulation = new ClusterSimulation(SURGE);
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, WARM_UP_S, 200);
  pass(simulation, 60, 1200);
  assert.deepEqual(statesOf(one), ["firing"]);
  simulation.commit(0);
  simulation.kill(one);
  simulation.assign(two);
  pass(simulation, 120, 1200);
  assert.deepEqual(statesOf(two), ["firing"]);
  assert.ok(Math.abs(baselinesOf(two)[0]! - 200) < 10);
  pass(simulation, 30, 200);
  assert.deepEqual(statesOf(two), ["recovering"]);
});

test("what is usual is told for the kinds and windows that a rule asks for, and for no others", () => {
  const toldUnder = (rule: object) => {
    const simulation = new ClusterSimulation(rule);
    const one = simulation.join("one");
    simulation.assign(one);
    pass(simulation, 60, 200);
    const told = one.aggregator.board.baselines(0, simulation.clock.now());
    const series = told.flatMap(({ baselines }) => baselines);
    return series.map(({ kind, windowMs, keys }) => [kind, windowMs, keys.length]);
  };
  assert.deepEqual(toldUnder({ ...SURGE, kind: "write" }), [["write", 10_000, 1]]);
  assert.deepEqual(toldUnder({}), []);
});

test("without anybody's word of what is usual, the warm-up begins anew", () => {
  const simulation = new ClusterSimulation(SURGE);
  const one = simulation.join("one");
  simulation.assign(one);
  pass(simulation, 60, 200);
  pass(simulation, 20, 1200);
  assert.deepEqual(statesOf(one), []);
});
