import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterViews } from "../../src/cluster-views.ts";
import { bucketOfSlot, type SlotRange, slotOf } from "../../src/model/slot.ts";
import { ClusterSimulation } from "../support/cluster-simulation.ts";
import { makeClientsReport, makePart, makeReport } from "../support/parts.ts";

const BUCKETS = 12;
const SLOTS: readonly SlotRange[] = [[0, 16_383]];
/** Keys of all buckets, each with its own count a second. */
const KEYS = Array.from({ length: 60 }, (_, i) => ({ key: `key:${i}`, write: 100 + i }));

/** Passes seconds in which an agent reports all keys of a Redis Cluster of one node. */
function pass(simulation: ClusterSimulation, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const rows = KEYS.filter(({ key }) => bucketOfSlot(slotOf(Buffer.from(key)), BUCKETS) === bucket);
      const report = makeReport({ atMs: simulation.clock.now(), slots: SLOTS });
      simulation.publish(bucket, [
        makePart({ startMs, bucket, buckets: BUCKETS, slots: SLOTS, rows }),
        report,
      ]);
    }
  }
}

function setUp() {
  const simulation = new ClusterSimulation();
  const instances = [simulation.join("one"), simulation.join("two")] as const;
  simulation.assign(instances[0], [0, 1]);
  simulation.assign(instances[1], [2, 3]);
  const [one, two] = instances.map(
    ({ aggregator }) => new ClusterViews(aggregator, simulation.config, simulation.clock),
  );
  return { simulation, instances, one: one!, two: two! };
}

test("either instance tells the hottest keys of the whole cluster, with their counts", () => {
  const { simulation, one, two } = setUp();
  pass(simulation, 15);
  simulation.pass(1000);
  for (const views of [one, two]) {
    const { heats, complete } = views.hotkeys("default", 10_000, 20);
    const expected = KEYS.toSorted((a, b) => b.write - a.write).slice(0, 20);
    assert.deepEqual(
      heats.map(({ key, counts }) => [Buffer.from(key.bytes).toString(), counts.total.lower]),
      expected.map(({ key, write }) => [key, write * 10]),
    );
    assert.equal(complete, true);
  }
});

test("metrics of the instances share no key, and together have all", () => {
  const { simulation, one, two } = setUp();
  pass(simulation, 12);
  const keysOf = (views: ClusterViews) =>
    views.ownHottest(100).map(({ key }) => Buffer.from(key.bytes).toString());
  const [ofOne, ofTwo] = [keysOf(one), keysOf(two)];
  assert.ok(ofOne.length > 0 && ofTwo.length > 0);
  assert.deepEqual([...ofOne, ...ofTwo].sort(), KEYS.map(({ key }) => key).sort());
});

test("coverage is told by the cluster's owner, shown by all, and blind where the owner is silent", () => {
  const { simulation, instances, one, two } = setUp();
  pass(simulation, 12);
  assert.equal(one.ownCoverage().length, 1);
  assert.deepEqual(two.ownCoverage(), []);
  assert.deepEqual(two.coverage(), one.coverage());
  assert.equal(two.coverage()[0]?.state, "seen");
  simulation.kill(instances[0]);
  simulation.pass(11_000);
  assert.equal(two.coverage()[0]?.state, "blind");
});

/** Passes seconds in which three agents tell of half of the reads, each report by every partition, as the transport does. */
function passReads(simulation: ClusterSimulation, seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    const atMs = simulation.clock.now();
    const pane = { startMs, lengthMs: 1000 };
    const report = makeReport({ atMs, pane, slots: SLOTS, ran: { read: 120, write: 0 } });
    const told = ["a", "b", "c"].map((agent) =>
      makeClientsReport({ agent, number: startMs, startMs, read: 20 }),
    );
    for (let bucket = 0; bucket < BUCKETS; bucket++) simulation.publish(bucket, [report, ...told]);
  }
}

test("reads that clients tell of are covered alike at every instance, also after a partition has moved", () => {
  const { simulation, instances, one, two } = setUp();
  const isHalf = () => {
    // Until the owner has told the others.
    simulation.pass(3000);
    assert.deepEqual(one.coverage(), two.coverage());
    const { ratio, vantage } = one.coverage()[0]!.kinds.read;
    assert.deepEqual({ ratio, vantage }, { ratio: 0.5, vantage: "clients" });
    for (const { aggregator } of instances)
      assert.equal(aggregator.targets.coverageOf("default", makeReport().target).read, 0.5);
  };
  passReads(simulation, 15);
  isHalf();
  simulation.revoke(instances[0], [0, 1]);
  simulation.assign(instances[1], [0]);
  isHalf();
  passReads(simulation, 3);
  isHalf();
  simulation.assign(instances[0], [1]);
  passReads(simulation, 3);
  isHalf();
});

test("a partition whose owner died makes the whole incomplete until somebody else has read it again", () => {
  const { simulation, instances, two } = setUp();
  pass(simulation, 15);
  for (const partition of [0, 1]) simulation.commit(partition);
  simulation.kill(instances[0]);
  pass(simulation, 7);
  assert.equal(two.hotkeys("default", 10_000, 10).complete, false);
  simulation.assign(instances[1], [0, 1]);
  pass(simulation, 2);
  simulation.pass(1000);
  const { complete, heats } = two.hotkeys("default", 10_000, 100);
  assert.equal(complete, true);
  assert.equal(heats.length, KEYS.length);
});

test("either instance finds an incident by its id, whoever judges it", () => {
  const { simulation, one, two } = setUp();
  for (let second = 0; second < 12; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const isOfKey = bucketOfSlot(slotOf(Buffer.from("hot")), BUCKETS) === bucket;
      const rows = isOfKey ? [{ key: "hot", write: 5000 }] : [];
      simulation.publish(bucket, [
        makePart({ startMs, bucket, buckets: BUCKETS, slots: SLOTS, rows }),
        makeReport({ atMs: simulation.clock.now(), slots: SLOTS }),
      ]);
    }
  }
  const [incident] = one.incidents({ status: "firing", limit: 10 });
  assert.ok(incident !== undefined, "nothing fires");
  for (const views of [one, two]) {
    assert.equal(views.incident(incident.id)?.id, incident.id);
    assert.equal(views.incident(incident.id)?.status, "firing");
    assert.equal(views.incident("unknown"), undefined);
  }
});
