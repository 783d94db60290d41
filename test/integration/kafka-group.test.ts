import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { RecordWriter } from "../../src/transport/kafka/record-writer.ts";
import { asAdmin, createTopic, sharedKafka } from "../support/kafka.ts";
import { startAggregator, type TestAggregator } from "../support/kafka-aggregator.ts";
import { connectionOf, newTenant } from "../support/kafka-tenant.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();

/**
 * Writes so many records into each partition of the panes topic, and gives the ends of its partitions then. A writer
 * that is not answered in time writes again: there can be more records than were asked for, never fewer.
 */
async function write(settings: KafkaSettings, count: number): Promise<Map<number, number>> {
  const writer = new RecordWriter({ connection: connectionOf(settings) });
  const topic = topicNames(settings.prefix).panes;
  for (let index = 0; index < count; index++) {
    for (let partition = 0; partition < settings.partitions; partition++) {
      writer.put({ topic, partition, key: `${index}`, value: Buffer.from(`${partition}/${index}`) });
    }
  }
  assert.ok(await writer.flush(30_000), "the records were not written");
  await writer.close(1000);
  return ends(settings);
}

/** The offsets from one on up to an end. */
function offsetsBetween(start = 0, end = 0): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}

/** The end of each partition of the panes topic. */
async function ends(settings: KafkaSettings): Promise<Map<number, number>> {
  const topic = topicNames(settings.prefix).panes;
  const offsets = await asAdmin(kafka.get(), (admin) => admin.fetchTopicOffsets(topic));
  return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
}

/** Waits until somebody has read each partition to its end. */
async function readToTheEnd(settings: KafkaSettings, members: readonly TestAggregator[]): Promise<void> {
  const wanted = await ends(settings);
  await waitFor("everything to be read", () => {
    for (const [partition, end] of wanted) {
      const owner = members.find(({ group }) => group.partitions().includes(partition));
      const last = owner?.offsets(partition).at(-1) ?? -1;
      if (last + 1 < end) throw new Error(`partition ${partition} is read up to ${last} of ${end}`);
    }
    return true;
  });
}

function assertNoOffsetTwice(told: readonly string[]): void {
  const offsets = told.filter((event) => event.startsWith("offset"));
  assert.deepEqual(offsets, [...new Set(offsets)]);
}

test(
  "an empty partition is assigned and caught up at once, one with records after they came",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 2 });
    const writer = new RecordWriter({ connection: connectionOf(settings) });
    writer.put({ topic: topicNames(settings.prefix).panes, partition: 1, key: "a", value: Buffer.from("x") });
    assert.ok(await writer.flush(30_000), "the record was not written");
    await writer.close(1000);
    const end = (await ends(settings)).get(1);
    const aggregator = startAggregator(t, settings);
    await aggregator.owns(2);
    assert.deepEqual(aggregator.told(0), ["assigned 0", "caught up"]);
    const offsets = offsetsBetween(0, end).map((offset) => `offset ${offset}`);
    assert.deepEqual(aggregator.told(1), [`assigned ${end}`, ...offsets, "caught up"]);
  },
);

test("where the group has committed nothing, it begins at a time", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const before = await write(settings, 5);
  await sleep(20);
  const startAtMs = Date.now();
  const aggregator = startAggregator(t, settings, { startAtMs });
  await aggregator.owns(3);
  const after = await write(settings, 2);
  await readToTheEnd(settings, [aggregator]);
  for (const [partition, end] of after) {
    assert.deepEqual(aggregator.offsets(partition), offsetsBetween(before.get(partition), end));
  }
});

test(
  "from one to two to three members and back: kept partitions go on, new ones begin at the commit",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 12 });
    const a = startAggregator(t, settings);
    await a.owns(12);
    const commit = await write(settings, 5);
    await readToTheEnd(settings, [a]);
    await committed(settings, commit);
    // From here on nobody commits: whoever gets a partition anew reads from there on.
    a.commits = false;
    await write(settings, 5);
    await readToTheEnd(settings, [a]);
    const b = startAggregator(t, settings, { commits: false });
    await Promise.all([a.owns(6), b.owns(6)]);
    const c = startAggregator(t, settings, { commits: false });
    await Promise.all([a.owns(4), b.owns(4), c.owns(4)]);
    const lastEnd = await write(settings, 5);
    await readToTheEnd(settings, [a, b, c]);
    const keptByA = a.group.partitions();
    for (const partition of keptByA) assertNoOffsetTwice(a.told(partition));
    for (const member of [b, c]) {
      for (const partition of member.group.partitions()) {
        assert.equal(member.offsets(partition)[0], commit.get(partition));
      }
    }
    assert.deepEqual(
      [a, b, c].flatMap(({ group }) => group.partitions()).sort((x, y) => x - y),
      [...Array(12).keys()],
    );
    const lostByA = [...Array(12).keys()].filter((partition) => !keptByA.includes(partition));
    for (const partition of lostByA) assert.equal(a.told(partition).at(-1), "revoked");

    await Promise.all([b.group.close(3000), c.group.close(3000)]);
    await a.owns(12);
    await write(settings, 1);
    await readToTheEnd(settings, [a]);
    for (const partition of keptByA) assertNoOffsetTwice(a.told(partition));
    for (const partition of lostByA) {
      const again = a.told(partition).slice(a.told(partition).lastIndexOf("revoked"));
      const anew = ["revoked", `assigned ${lastEnd.get(partition)}`, `offset ${commit.get(partition)}`];
      assert.deepEqual(again.slice(0, 3), anew);
      assertNoOffsetTwice(again);
    }
  },
);

/** Waits until the group has committed these offsets. */
async function committed(settings: KafkaSettings, offsets: ReadonlyMap<number, number>): Promise<void> {
  const topic = topicNames(settings.prefix).panes;
  await waitFor("the commits", async () => {
    const [found] = await asAdmin(kafka.get(), (admin) =>
      admin.fetchOffsets({ groupId: `${settings.prefix}-aggregators`, topics: [topic] }),
    );
    return found?.partitions.every(({ partition, offset }) => Number(offset) === offsets.get(partition));
  });
}

test(
  "who comes after a member that did not commit reads from the last commit on",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const first = startAggregator(t, settings);
    await first.owns(3);
    const commit = await write(settings, 4);
    await readToTheEnd(settings, [first]);
    await committed(settings, commit);
    first.commits = false;
    const after = await write(settings, 3);
    await readToTheEnd(settings, [first]);
    await first.group.close(3000);
    const second = startAggregator(t, settings);
    await second.owns(3);
    for (const [partition, end] of after) {
      assert.deepEqual(second.offsets(partition), offsetsBetween(commit.get(partition), end));
    }
  },
);

test("a close commits", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const first = startAggregator(t, settings);
  await first.owns(3);
  const end = await write(settings, 4);
  await readToTheEnd(settings, [first]);
  const startMs = performance.now();
  await first.group.close(3000);
  t.diagnostic(`closed in ${(performance.now() - startMs).toFixed(0)} ms`);
  await committed(settings, end);
});

test("a commit whose records are gone begins at the oldest that are there", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get(), { partitions: 1 });
  const topic = topicNames(settings.prefix).panes;
  const first = startAggregator(t, settings);
  await first.owns(1);
  const commit = await write(settings, 4);
  await readToTheEnd(settings, [first]);
  await committed(settings, commit);
  await first.group.close(3000);
  const end = (await write(settings, 10)).get(0) ?? 0;
  const oldest = end - 5;
  await asAdmin(kafka.get(), async (admin) => {
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${oldest}` }] });
  });
  const second = startAggregator(t, settings);
  await second.owns(1);
  assert.deepEqual(second.offsets(0), offsetsBetween(oldest, end));
});

test("a topic that is made anew under a reader is read from its start", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get(), { partitions: 1 });
  const topic = topicNames(settings.prefix).panes;
  const aggregator = startAggregator(t, settings);
  await aggregator.owns(1);
  const old = offsetsBetween(0, (await write(settings, 5)).get(0));
  await readToTheEnd(settings, [aggregator]);
  await asAdmin(kafka.get(), (admin) => admin.deleteTopics({ topics: [topic] }));
  await waitFor("the topic to be gone", () =>
    asAdmin(kafka.get(), async (admin) => !(await admin.listTopics()).includes(topic)),
  );
  await createTopic(kafka.get(), topic);
  const anew = offsetsBetween(0, (await write(settings, 3)).get(0));
  const wanted = [...old, ...anew];
  await waitFor("the new records", () => aggregator.offsets(0).length >= wanted.length);
  assert.deepEqual(aggregator.offsets(0), wanted);
  const told = aggregator.told(0).slice(-3 - anew.length);
  assert.deepEqual(told, ["revoked", told[1], ...anew.map((offset) => `offset ${offset}`), "caught up"]);
  assert.deepEqual(aggregator.problems, []);
});

test(
  "the broker frozen: what was confirmed gets old; killed and back: reading goes on at its place",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const aggregator = startAggregator(t, settings, { commits: false });
    await aggregator.owns(3);
    await write(settings, 3);
    await readToTheEnd(settings, [aggregator]);
    const { group } = aggregator;
    await waitFor("a fresh confirmation", () => performance.now() - group.confirmedAt < 2000);
    kafka.get().freeze();
    t.after(() => kafka.get().thaw());
    await waitFor("the confirmation to be old", () => performance.now() - group.confirmedAt > 2500);
    const silence = await waitFor("a word of it", () => group.problem());
    assert.match(silence, /^Kafka at 127\.0\.0\.1:\d+ has confirmed no heartbeat for longer than /);
    const staleMs = group.confirmedAt;
    kafka.get().thaw();
    await waitFor("a new confirmation", () => group.confirmedAt > staleMs);
    // The first one may be of a heartbeat that was sent before the broker froze.
    await waitFor("the group to be well", () => group.problem() === null);
    await kafka.get().kill();
    // Before that it may say that connections were closed.
    await waitFor("it to say that nothing is reached", () => {
      assert.match(group.problem() ?? "", /^Kafka cannot be reached at 127\.0\.0\.1:\d+/);
      return true;
    });
    await kafka.get().start();
    const backMs = performance.now();
    await write(settings, 3);
    await readToTheEnd(settings, [aggregator]);
    t.diagnostic(`read on ${(performance.now() - backMs).toFixed(0)} ms after the broker's return`);
    for (const partition of [0, 1, 2]) assertNoOffsetTwice(aggregator.told(partition));
    // Fetches and heartbeats come back each by themselves.
    await waitFor("the group to be well", () => group.problem() === null);
    assert.deepEqual(aggregator.problems, []);
  },
);
