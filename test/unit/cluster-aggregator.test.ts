import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSimulation, type Instance } from "../support/cluster-simulation.ts";
import { makePart, makeReport } from "../support/parts.ts";

/** Passes seconds in which an agent reports a key at `perSecond`. */
function pass(simulation: ClusterSimulation, seconds: number, perSecond: number): void {
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    const rows = perSecond > 0 ? [{ key: "k", write: perSecond }] : [];
    simulation.publish(0, [
      makePart({ startMs, rows, buckets: 1 }),
      makeReport({ atMs: simulation.clock.now() }),
    ]);
  }
}

function pagesOf(...instances: readonly Instance[]): string[] {
  return instances.flatMap(({ name, receiver }) =>
    receiver.attempts.map(({ group }) => `${name} ${group.event}`),
  );
}

function statusOf({ aggregator }: Instance): string[] {
  return Array.from(aggregator.view.incidents(), ({ status, reason }) =>
    reason ? `${status} ${reason}` : status,
  );
}

test("an incident is written, read by everybody, and told by the cluster's owner once", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one, [0, 1]);
  simulation.assign(two, [2, 3]);
  pass(simulation, 4, 5000);
  await settle(simulation);
  assert.deepEqual(statusOf(one), ["firing"]);
  assert.deepEqual(statusOf(two), ["firing"]);
  assert.deepEqual(pagesOf(one, two), ["one firing"]);
  const [incident] = two.aggregator.view.incidents();
  assert.deepEqual(
    incident?.notified.map(({ receiver, outcome }) => [receiver, outcome]),
    [["hook", "delivered"]],
  );
});

test("whoever takes over goes on with the incident, its windows as they were, and pages nobody again", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 30, 5000);
  await settle(simulation);
  const before = countOf(one);
  simulation.commit(0);
  simulation.kill(one);
  simulation.assign(two);
  simulation.pass(300);
  assert.deepEqual(countOf(two), before);
  pass(simulation, 5, 5000);
  await settle(simulation);
  assert.deepEqual(pagesOf(one, two), ["one firing"]);
  assert.equal(Array.from(two.aggregator.view.incidents()).length, 1);
});

test("a page that was sent but not logged is sent again by the next owner, with the same id, and only that one", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  one.receiver.answer = () => {
    simulation.kill(one);
    return "take";
  };
  simulation.assign(one);
  pass(simulation, 4, 5000);
  await settle(simulation);
  simulation.assign(two);
  pass(simulation, 4, 5000);
  await settle(simulation);
  pass(simulation, 30, 5000);
  await settle(simulation);
  const ids = [one, two].flatMap(({ receiver }) => receiver.attempts.map(({ group }) => group.id));
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test("an owner that was stopped for 30 s changes no state when it wakes, and tells nobody", async () => {
  const simulation = new ClusterSimulation({ cooldown: "5m" });
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 4, 5000);
  await settle(simulation);
  one.isFrozen = true;
  simulation.assign(two);
  pass(simulation, 30, 5000);
  await settle(simulation);
  const stateBefore = simulation.state.length;
  one.isFrozen = false;
  // Its heartbeat has failed, but it has not heard so yet.
  one.isConfirmed = false;
  simulation.pass(500);
  await settle(simulation);
  assert.deepEqual(
    simulation.state.slice(stateBefore).map((entry) => entry?.key),
    [],
  );
  simulation.revoke(one);
  one.isConfirmed = true;
  pass(simulation, 5, 5000);
  await settle(simulation);
  assert.deepEqual(pagesOf(one, two), ["one firing"]);
  assert.deepEqual(statusOf(one), ["firing"]);
  assert.deepEqual(statusOf(two), ["firing"]);
});

/** One finds a hot key, and two takes its place; `zombie` is what one could still write as. */
async function takenOver(simulation: ClusterSimulation) {
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 4, 5000);
  await settle(simulation);
  const [incident] = one.aggregator.view.incidents();
  const zombie = one.aggregator.view.ownerOf("default", 0);
  assert.ok(incident && zombie);
  simulation.kill(one);
  simulation.assign(two);
  return { one, two, incident, zombie };
}

test("what a former owner writes after all is ignored, and written over by the owner", async () => {
  const simulation = new ClusterSimulation();
  const { two, incident, zombie } = await takenOver(simulation);
  simulation.pass(300);
  simulation.write({
    type: "incident",
    authority: zombie,
    incident: { ...incident, status: "resolved", resolvedAtMs: 1 },
  });
  assert.deepEqual(statusOf(two), ["firing"]);
  const last = simulation.state.findLast((entry) => entry?.key.startsWith("incident/"));
  const three = simulation.join("three");
  assert.deepEqual(statusOf(three), ["firing"]);
  assert.ok(last?.value);
});

test("what a former owner wrote is healed by the owner before compaction leaves it alone", async () => {
  const simulation = new ClusterSimulation();
  const { one, two, incident, zombie } = await takenOver(simulation);
  await settle(simulation);
  const resolved = { ...incident, status: "resolved", resolvedAtMs: 1, notified: [] } as const;
  simulation.write({ type: "incident", authority: zombie, incident: resolved });
  simulation.write({
    type: "notified",
    authority: zombie,
    incidentId: incident.id,
    receiver: "hook",
    entries: [],
  });
  simulation.write({ type: "owner", authority: zombie });
  const written = simulation.state.length;
  simulation.compact();
  const left = simulation.state.filter((entry) => entry !== null);
  assert.ok(left.length < written);
  assert.equal(new Set(left.map(({ key }) => key)).size, left.length);
  const three = simulation.join("three");
  assert.deepEqual(statusOf(three), ["firing"]);
  assert.equal(three.aggregator.view.ownerOf("default", 0)?.instance, "two");
  simulation.revoke(two);
  simulation.assign(three);
  pass(simulation, 5, 5000);
  await settle(simulation);
  assert.deepEqual(pagesOf(one, two, three), ["one firing"]);
});

test("a handover while running loses no onset and pages once", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 3, 0);
  pass(simulation, 1, 3000);
  simulation.revoke(one);
  simulation.assign(two);
  pass(simulation, 5, 3000);
  await settle(simulation);
  simulation.revoke(two);
  simulation.assign(one);
  pass(simulation, 5, 3000);
  await settle(simulation);
  assert.deepEqual(pagesOf(one, two), ["two firing"]);
});

test("a target that was known before the start is missed, and its incident does not resolve", async () => {
  const simulation = new ClusterSimulation({ keepFiringFor: "5s", cooldown: "1s" });
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 15, 5000);
  await settle(simulation);
  // Its agent dies; much later, when nothing of it can be read again, another process takes over.
  simulation.pass(120_000);
  simulation.commit(0);
  simulation.kill(one);
  simulation.assign(two);
  simulation.pass(30_000);
  await settle(simulation);
  assert.deepEqual(statusOf(two), ["firing stale"]);
  assert.equal(two.aggregator.targets.coverage(simulation.clock.now())[0]?.state, "blind");
});

test("an incident of which nothing is heard any more ends all the same, whoever starts later", async () => {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  for (let second = 0; second < 4; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    // As an agent without servers tells what clients report.
    const clients = {
      vantage: "clients",
      target: "",
      sees: ["read", "write", "miss"],
      complete: false,
    } as const;
    simulation.publish(0, [makePart({ startMs, buckets: 1, ...clients, rows: [{ key: "k", read: 5000 }] })]);
  }
  await settle(simulation);
  assert.deepEqual(statusOf(one), ["firing"]);
  simulation.pass(100_000);
  simulation.commit(0);
  simulation.kill(one);
  const two = simulation.join("two");
  simulation.assign(two);
  simulation.pass(3_700_000);
  assert.deepEqual(statusOf(two), ["resolved expired"]);
});

test("after an outage of everybody, nobody is paged of what has not been seen again", async () => {
  const simulation = new ClusterSimulation({ cooldown: "5m" });
  const one = simulation.join("one");
  simulation.assign(one);
  pass(simulation, 4, 5000);
  await settle(simulation);
  simulation.commit(0);
  simulation.kill(one);
  simulation.pass(20 * 60_000);
  const two = simulation.join("two");
  simulation.assign(two);
  simulation.pass(5000);
  await settle(simulation);
  assert.deepEqual(pagesOf(two), []);
  assert.deepEqual(statusOf(two), ["firing stale"]);
  pass(simulation, 8, 5000);
  await settle(simulation);
  assert.deepEqual(pagesOf(two), ["two firing"], "seen again, it is told again after its cooldown");
});

test("a new owner pages at once of what begins under it", async () => {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  simulation.pass(100);
  const startMs = simulation.clock.now();
  for (let second = 0; second < 2; second++) {
    const parts = { startMs: Math.floor(simulation.clock.now() / 1000) * 1000, buckets: 1, closing: false };
    simulation.publish(0, [makePart({ ...parts, part: second, rows: [{ key: "k", write: 20_000 }] })]);
    simulation.pass(200);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [first] = one.receiver.attempts;
  assert.ok(first && first.atMs - startMs <= 500, `${first?.atMs} after ${startMs}`);
});

test("a cluster that is heard of no more is let go, with its records", () => {
  const simulation = new ClusterSimulation();
  const one = simulation.join("one");
  simulation.assign(one);
  const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
  simulation.publish(0, [makePart({ cluster: "forged", startMs, buckets: 1 })]);
  simulation.pass(1000);
  assert.equal(one.aggregator.view.ownerOf("forged", 0)?.term, 1);
  simulation.pass(200_000);
  assert.equal(one.aggregator.view.ownerOf("forged", 0), null);
});

test("resolves are told once, by whoever owns the cluster by then", async () => {
  const simulation = new ClusterSimulation({ keepFiringFor: "5s", cooldown: "1s" });
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  pass(simulation, 3, 5000);
  await settle(simulation);
  pass(simulation, 3, 0);
  simulation.revoke(one);
  simulation.assign(two);
  pass(simulation, 30, 0);
  await settle(simulation);
  assert.deepEqual(statusOf(two), ["resolved cooled"]);
  assert.equal(pagesOf(one, two).filter((page) => page.endsWith("resolved")).length, 1);
});

/** Lets answers of receivers, which are promises, come in. */
async function settle(simulation: ClusterSimulation): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    simulation.pass(50);
  }
}

function countOf({ aggregator }: Instance) {
  const lane = [...aggregator.lanes()].find(({ partition }) => partition === 0);
  const key = { cluster: "default", db: 0, bytes: Buffer.from("k") };
  const { counts, complete, asOfMs } = lane!.windows.closedOf(key, 60_000);
  return { counts: counts.total, complete, asOfMs };
}
