import assert from "node:assert/strict";
import { test } from "node:test";
import type { SlotRange } from "../../src/model/slot.ts";
import { bucketOfSlot, slotOf } from "../../src/model/slot.ts";
import { HotSets } from "../../src/ownership/hot-sets.ts";
import { ClusterSimulation } from "../support/cluster-simulation.ts";
import { makeClientsReport, makePart, makeReport } from "../support/parts.ts";

const BUCKETS = 12;
const ALL_SLOTS: readonly SlotRange[] = [[0, 16_383]];
/** Buckets of the keys: not the owner's own. */
const KEY = "flag:x";
const BUCKET = bucketOfSlot(slotOf(Buffer.from(KEY)), BUCKETS);

/** Passes seconds in which clients of a node of a Redis Cluster read one key, and caches absorb reads of it. */
function pass(simulation: ClusterSimulation, seconds: number, read: number, absorbed = 0): void {
  const slots = ALL_SLOTS;
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    const ran = { read, write: 0 };
    const totals = { observed: { read: 0, write: 0, miss: 0 }, ran };
    const atMs = simulation.clock.now();
    const number = Math.round(atMs / 1000);
    const rows = [{ key: KEY, read, absorbed, services: { shop: read + absorbed } }];
    const told = { vantage: "clients", sees: ["read", "write", "miss"], complete: false } as const;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const place = { startMs, bucket, buckets: BUCKETS, slots };
      const clients = bucket === BUCKET ? [makePart({ ...place, ...told, rows })] : [];
      simulation.publish(bucket, [makePart({ ...place, totals }), ...clients]);
    }
    for (let partition = 0; partition < 4; partition++) {
      simulation.publish(partition, [
        makeReport({ atMs, slots, ran }),
        makeClientsReport({ number, startMs, read }),
      ]);
    }
  }
}

function leased({ hotSets }: ClusterSimulation): string[] {
  return (hotSets.at(-1)?.leases ?? []).map(({ key }) => Buffer.from(key).toString());
}

test("the cluster's owner leases a key that another process counts, and keeps it while caches absorb its reads", () => {
  assert.notEqual(BUCKET % 4, 0, "the key is of another partition than the owner's");
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one, [0]);
  simulation.assign(two, [1, 2, 3]);
  pass(simulation, 15, 5000);
  assert.deepEqual(leased(simulation), [KEY]);
  assert.equal(simulation.hotSets.at(-1)?.authority.instance, "one");
  pass(simulation, 90, 10, 4990);
  assert.deepEqual(leased(simulation), [KEY]);
  assert.ok(simulation.hotSets.length <= 15, `${simulation.hotSets.length} records`);
  pass(simulation, 60, 10, 10);
  assert.deepEqual(leased(simulation), []);
  const versions = simulation.hotSets.map(({ version }) => version);
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  );
});

test("whoever takes over goes on with the leases, though there is no load that would open them", () => {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  pass(simulation, 15, 5000);
  pass(simulation, 30, 0, 5000);
  simulation.commit(0);
  simulation.kill(one);
  const two = simulation.join("two");
  simulation.assign(two);
  const { length } = simulation.hotSets;
  pass(simulation, 60, 0, 5000);
  assert.equal(simulation.hotSets.at(-1)?.authority.instance, "two");
  for (const { leases } of simulation.hotSets.slice(length)) assert.equal(leases.length, 1);
});

test("what a former owner writes after all is written over", () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 15, 5000);
  const zombie = simulation.hotSets.at(-1);
  assert.ok(zombie && zombie.authority.instance === "one");
  simulation.kill(one);
  simulation.assign(two);
  pass(simulation, 3, 5000);
  const { length } = simulation.hotSets;
  simulation.writeHotSet({ ...zombie, leases: [] });
  pass(simulation, 2, 5000);
  assert.equal(simulation.hotSets.length, length + 2);
  assert.deepEqual([simulation.hotSets.at(-1)?.authority.instance, leased(simulation)], ["two", [KEY]]);
});

test("a cluster that was let go and comes back has a hot set that agents believe", () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 15, 5000);
  simulation.kill(one);
  simulation.assign(two);
  pass(simulation, 15, 5000);
  const served = new HotSets();
  for (const hotSet of simulation.hotSets) served.put(hotSet);
  simulation.clock.advance(2 * 3_600_000);
  simulation.deliver();
  const owners = new Map(simulation.state.map((entry) => [entry?.key, entry?.value]));
  assert.equal(owners.get("owner/default/0"), null, "nobody owns it meanwhile");
  const { length } = simulation.hotSets;
  pass(simulation, 15, 5000);
  for (const hotSet of simulation.hotSets.slice(length)) served.put(hotSet);
  assert.equal(served.leases().filter(({ leaseUntilMs }) => leaseUntilMs > simulation.clock.now()).length, 1);
  assert.ok(simulation.hotSets.length - length <= 4, `${simulation.hotSets.length - length} records`);
});
