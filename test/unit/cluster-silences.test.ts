import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSilences } from "../../src/cluster-silences.ts";
import { HttpError } from "../../src/http/errors.ts";
import { SILENCES_MAX, type Silence } from "../../src/model/silence.ts";
import { type SilenceRecord, type StateRecord, silenceKey } from "../../src/model/state-record.ts";
import { Silences } from "../../src/notify/silence.ts";
import { unaccounted } from "../../src/runtime/accounting.ts";
import { decodeState } from "../../src/wire/state-codec.ts";
import { ClusterSimulation, type Instance } from "../support/cluster-simulation.ts";
import { makePart, makeReport } from "../support/parts.ts";
import { SimulatedClock } from "../support/simulated-clock.ts";

const HOUR_MS = 3_600_000;

function silenceOf(nowMs: number, changes: Partial<Silence> = {}): Silence {
  return {
    id: "quiet",
    matchers: { key: "k*" },
    startsAtMs: nowMs,
    endsAtMs: nowMs + HOUR_MS,
    comment: "",
    createdBy: "",
    createdAtMs: nowMs,
    ...changes,
  };
}

/** Passes seconds in which a key burns. */
async function burn(simulation: ClusterSimulation, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    const startMs = Math.floor(simulation.clock.now() / 1000) * 1000;
    simulation.pass(1000);
    simulation.publish(0, [
      makePart({ startMs, rows: [{ key: "k", write: 5000 }], buckets: 1 }),
      makeReport({ atMs: simulation.clock.now() }),
    ]);
    await settle(simulation);
  }
}

async function settle(simulation: ClusterSimulation): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    simulation.deliver();
  }
}

/** Has it read back, which is when the request is answered. */
async function answered<T>(simulation: ClusterSimulation, answer: Promise<T>): Promise<T> {
  simulation.deliver();
  return await answer;
}

function pair(simulation: ClusterSimulation): readonly [Instance, Instance] {
  const [one, two] = [simulation.join("one"), simulation.join("two")];
  simulation.assign(one);
  return [one, two];
}

const pages = ({ receiver }: Instance) => receiver.taken.length;

function silenceRecords({ state }: ClusterSimulation): readonly (StateRecord | null)[] {
  return state.flatMap((entry) => {
    if (!entry?.key.startsWith("silence/")) return [];
    if (entry.value === null) return [null];
    const decoded = decodeState(entry.value);
    return "value" in decoded ? [decoded.value] : [];
  });
}

test("a silence that any instance took is kept by the owner, until it is removed at any other", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = pair(simulation);
  await answered(simulation, two.aggregator.silences.add(silenceOf(simulation.clock.now())));
  for (const { aggregator } of [one, two]) assert.equal(aggregator.silences.list().length, 1);
  await burn(simulation, 5);
  assert.equal(pages(one), 0);
  const [incident] = two.aggregator.view.incidents();
  assert.equal(incident?.status, "firing");
  assert.equal(two.aggregator.muting.muted(incident, null), "silenced", "also who does not tell knows");
  assert.equal(await answered(simulation, two.aggregator.silences.remove("quiet")), true);
  await burn(simulation, 1);
  assert.equal(pages(one), 1);
  assert.equal(await one.aggregator.silences.remove("quiet"), false);
});

test("whoever takes over keeps the silence, also one that has just started", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = pair(simulation);
  await answered(simulation, one.aggregator.silences.add(silenceOf(simulation.clock.now())));
  await burn(simulation, 3);
  simulation.kill(one);
  simulation.compact();
  const three = simulation.join("three");
  simulation.assign(three);
  await burn(simulation, 5);
  assert.equal(three.aggregator.silences.list().length, 1);
  assert.equal(pages(one) + pages(two) + pages(three), 0);
  await answered(simulation, three.aggregator.silences.remove("quiet"));
  await burn(simulation, 1);
  assert.equal(pages(three), 1);
});

test("an incident that still fires when its silence ends is told then", async () => {
  const simulation = new ClusterSimulation();
  const [one] = pair(simulation);
  const nowMs = simulation.clock.now();
  await answered(simulation, one.aggregator.silences.add(silenceOf(nowMs, { endsAtMs: nowMs + 8000 })));
  await burn(simulation, 7);
  assert.equal(pages(one), 0);
  await burn(simulation, 2);
  assert.equal(pages(one), 1);
});

test("what cannot be written is refused after 5 s, and not in force later", async () => {
  const simulation = new ClusterSimulation();
  const [, two] = pair(simulation);
  two.isFrozen = true;
  const refusal = assert.rejects(
    two.aggregator.silences.add(silenceOf(simulation.clock.now())),
    (error) => error instanceof HttpError && error.status === 503 && error.code === "UNAVAILABLE",
  );
  simulation.pass(5000);
  await refusal;
  assert.deepEqual(two.aggregator.silences.list(), []);
});

test("a silence of one cluster stands among the records of that cluster, others among those of the config's", async () => {
  const simulation = new ClusterSimulation();
  const [one] = pair(simulation);
  const { silences } = one.aggregator;
  const nowMs = simulation.clock.now();
  await answered(simulation, silences.add(silenceOf(nowMs, { id: "a", matchers: { cluster: "shop" } })));
  await answered(simulation, silences.add(silenceOf(nowMs, { id: "b", matchers: { cluster: "sh*" } })));
  await answered(simulation, silences.add(silenceOf(nowMs, { id: "c" })));
  assert.deepEqual(
    silenceRecords(simulation).map((record) => record?.authority.cluster),
    ["shop", "default", "default"],
  );
});

test("a silence counts whatever the term of its author, and nobody writes over it", async () => {
  const simulation = new ClusterSimulation();
  const [one] = pair(simulation);
  await burn(simulation, 2);
  const authority = { cluster: "default", bucket: 0, term: 0, instance: "long-gone" };
  simulation.write({ type: "silence", authority, silence: silenceOf(simulation.clock.now()) });
  assert.deepEqual(
    one.aggregator.silences.list().map(({ id }) => id),
    ["quiet"],
  );
  assert.equal(silenceRecords(simulation).length, 1);
});

test("an hour after its end a silence is deleted from the topic", async () => {
  const simulation = new ClusterSimulation();
  const [one, two] = pair(simulation);
  const nowMs = simulation.clock.now();
  await answered(simulation, two.aggregator.silences.add(silenceOf(nowMs, { endsAtMs: nowMs + 1000 })));
  await burn(simulation, 2);
  assert.equal(two.aggregator.silences.list().length, 1, "it is still shown");
  simulation.clock.advance(HOUR_MS);
  // Nothing was heard of the cluster for so long that its owner let it go: somebody has to do it.
  simulation.pass(122_000);
  assert.deepEqual(two.aggregator.silences.list(), []);
  assert.equal(silenceRecords(simulation).at(-1), null);
  for (const { aggregator } of [one, two]) assert.equal(unaccounted(aggregator.silences.books()), 0);
});

/** Silences whose records are read back at once. */
function alone(isRead = true) {
  const clock = new SimulatedClock();
  const silences: ClusterSilences = new ClusterSilences({
    silences: new Silences(clock, () => {}),
    outlet: {
      state: (record) => queueMicrotask(() => silences.read(record as SilenceRecord)),
      eraseState: (_cluster, key) => queueMicrotask(() => silences.removed(key)),
    },
    instance: "one",
    cluster: "default",
    isRead: () => isRead,
    mayErase: () => true,
    clock,
  });
  return { clock, silences };
}

test("there are at most 1,000 silences, and what comes above that is counted", async () => {
  const { clock, silences } = alone();
  for (let index = 0; index < SILENCES_MAX; index++) {
    await silences.add(silenceOf(clock.now(), { id: `s${index}` }));
  }
  const more = silenceOf(clock.now(), { id: "more" });
  await assert.rejects(silences.add(more), (error) => (error as HttpError).code === "TOO_MANY_SILENCES");
  const authority = { cluster: "default", bucket: 0, term: 0, instance: "two" };
  silences.read({ type: "silence", authority, silence: more });
  assert.equal(silences.list().length, SILENCES_MAX);
  assert.deepEqual(silences.books().dropped, { "silences-full": 1 });
  assert.equal(unaccounted(silences.books()), 0);
  assert.equal(await silences.remove("more"), true, "it can be removed all the same");
  silences.removed(silenceKey("s1"));
  await silences.add(more);
  assert.equal(silences.list().length, SILENCES_MAX);
});

test("before the state has been read no silence is taken or removed", async () => {
  const { clock, silences } = alone(false);
  await assert.rejects(silences.add(silenceOf(clock.now())), /being read/);
  await assert.rejects(silences.remove("quiet"), /being read/);
});

test("a request that waits when the process stops is refused", async () => {
  const { clock, silences } = alone();
  const waiting = assert.rejects(silences.add(silenceOf(clock.now())), /not in force/);
  silences.stop();
  await waiting;
});
