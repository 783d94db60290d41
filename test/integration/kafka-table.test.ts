import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { unaccounted } from "../../src/runtime/accounting.ts";
import type { KafkaSettings } from "../../src/transport/kafka/connection.ts";
import { topicNames } from "../../src/transport/kafka/names.ts";
import { RecordWriter, type RecordWriterOptions } from "../../src/transport/kafka/record-writer.ts";
import { asAdmin, createTopic, sharedKafka } from "../support/kafka.ts";
import { startTable } from "../support/kafka-table.ts";
import { connectionOf, newTenant } from "../support/kafka-tenant.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();

function startWriter(
  t: TestContext,
  settings: KafkaSettings,
  options: Partial<RecordWriterOptions> = {},
): RecordWriter {
  const writer = new RecordWriter({ connection: connectionOf(settings), ...options });
  t.after(() => writer.close(1000));
  return writer;
}

async function flushed(writer: RecordWriter): Promise<void> {
  assert.ok(await writer.flush(30_000), writer.problem() ?? "the records were not written");
}

/** Without repetitions: a writer that is not answered in time writes again. */
function different(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}

function putter(writer: RecordWriter, topic: string) {
  return (key: string, value: string | null, partition = 0) =>
    writer.put({ topic, partition, key, value: value === null ? null : Buffer.from(value) });
}

test("a table has caught up with empty topics at once", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const { state, hotset } = topicNames(settings.prefix);
  const table = startTable(t, settings, [state, hotset]);
  await table.table.caughtUp;
  assert.deepEqual(table.lines, []);
  assert.deepEqual(table.log.loud, []);
});

test("a table reads several topics whole, tombstones too, and follows them", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const { state, hotset } = topicNames(settings.prefix);
  const writer = startWriter(t, settings);
  putter(writer, state)("a", "1");
  await flushed(writer);
  putter(writer, state)("a", null);
  putter(writer, state)("b", "1", 2);
  putter(writer, hotset)("shop", "keys", 1);
  await flushed(writer);
  const table = startTable(t, settings, [state, hotset]);
  await table.table.caughtUp;
  assert.deepEqual(different(table.lines).toSorted(), ["0/a=1", "0/a=null", "1/shop=keys", "2/b=1"]);
  putter(writer, state)("c", "1");
  await waitFor("the new record", () => table.lines.includes("0/c=1"));
});

test("a table catches up with a compacted topic", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get(), { partitions: 1 });
  const topic = `${settings.prefix}.small`;
  const compacted = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
  };
  await createTopic(kafka.get(), topic, {
    ...compacted,
    "delete.retention.ms": "0",
    "max.compaction.lag.ms": "100",
  });
  const writer = startWriter(t, settings);
  const put = putter(writer, topic);
  const isCompacted = async () => {
    // A segment is closed by what is written after it.
    put("a", `${performance.now()}`);
    put("gone", null);
    await flushed(writer);
    const table = startTable(t, settings, [topic]);
    await table.table.caughtUp;
    await table.table.close(1000);
    return !table.lines.some((line) => line.startsWith("0/old")) && table.lines.length > 0;
  };
  put("old", "1");
  await flushed(writer);
  put("old", null);
  await flushed(writer);
  await waitFor("the old records to be compacted away", isCompacted, 90_000, 200);
});

test(
  "a table whose last records vanish before it has read them catches up all the same",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 1 });
    const { state, heat } = topicNames(settings.prefix);
    const writer = startWriter(t, settings);
    putter(writer, heat)("0", "x");
    await flushed(writer);
    const ends = { target: 0 };
    const table = startTable(t, settings, [state, heat]);
    // What is before the end that it heard of goes now, perhaps before it was read.
    await asAdmin(kafka.get(), async (admin) => {
      const [range] = await admin.fetchTopicOffsets(heat);
      ends.target = Number(range?.high);
      await admin.deleteTopicRecords({
        topic: heat,
        partitions: [{ partition: 0, offset: `${ends.target}` }],
      });
    });
    await waitFor("it to catch up", () => table.isCaughtUp);
    assert.ok(ends.target >= 1);
  },
);

test("50,000 records are there within seconds", kafka.needed(), async (t) => {
  const settings = await newTenant(kafka.get());
  const { state } = topicNames(settings.prefix);
  const writer = startWriter(t, settings);
  for (let index = 0; index < 50_000; index++) putter(writer, state)(`${index}`, "x".repeat(40), index % 3);
  assert.ok(await writer.flush(60_000));
  const ranges = await asAdmin(kafka.get(), (admin) => admin.fetchTopicOffsets(state));
  const written = ranges.reduce((sum, { high }) => sum + Number(high), 0);
  const startMs = performance.now();
  const table = startTable(t, settings, [state]);
  await table.table.caughtUp;
  t.diagnostic(`read in ${(performance.now() - startMs).toFixed(0)} ms`);
  assert.equal(table.lines.length, written);
  assert.equal(different(table.lines).length, 50_000);
});

test(
  "a table goes on at its place after the broker was away, and its group is gone after a close",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const { state } = topicNames(settings.prefix);
    const writer = startWriter(t, settings);
    const put = putter(writer, state);
    put("a", "1");
    const table = startTable(t, settings, [state]);
    await waitFor("the record", () => table.lines.includes("0/a=1"));
    await kafka.get().kill();
    put("a", "2");
    put("b", "1");
    put("a", "3");
    await waitFor("a problem", () => writer.problem() !== null && table.table.problem() !== null);
    await kafka.get().start();
    await flushed(writer);
    await waitFor("the new records", () => different(table.lines).length >= 3);
    assert.deepEqual(new Set(table.lines), new Set(["0/a=1", "0/a=3", "0/b=1"]));
    assert.equal(writer.problem(), null);
    // Time enough to leave the group and to remove it, which is tried once.
    await table.table.close(15_000);
    await waitFor("the group to be gone", async () => {
      const { groups } = await asAdmin(kafka.get(), (admin) => admin.listGroups());
      assert.deepEqual(
        groups.filter(({ groupId }) => groupId.startsWith(settings.prefix)),
        [],
      );
      return true;
    });
  },
);

test(
  "a writer keeps order, and sends of each key that waits the last value only",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 1 });
    const { state } = topicNames(settings.prefix);
    const writer = startWriter(t, settings);
    const put = putter(writer, state);
    put("warm", "1");
    await flushed(writer);
    // What is put in one go waits together.
    for (const value of ["1", "2", "3"]) for (const key of ["a", "b", "c"]) put(key, value);
    put("b", null);
    await flushed(writer);
    const table = startTable(t, settings, [state]);
    await table.table.caughtUp;
    assert.deepEqual(different(table.lines), ["0/warm=1", "0/a=3", "0/b=null", "0/c=3"]);
    const [books] = writer.books();
    assert.deepEqual([books?.received, books?.kept, books?.dropped], [11, 4, { superseded: 7 }]);
  },
);

test(
  "a writer that is full drops sheddable records first, then new ones, and counts them",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 1 });
    const { state, heat } = topicNames(settings.prefix);
    const writer = startWriter(t, settings, { sheddable: [heat], bytesMax: 10_000 });
    kafka.get().freeze();
    t.after(() => kafka.get().thaw());
    const large = "x".repeat(900);
    for (let index = 0; index < 8; index++) putter(writer, heat)(`${index}`, large);
    for (let index = 0; index < 12; index++) putter(writer, state)(`${index}`, large);
    putter(writer, heat)("late", large);
    assert.ok(writer.pendingBytes <= 10_000);
    assert.equal(await writer.flush(50), false);
    kafka.get().thaw();
    await flushed(writer);
    const table = startTable(t, settings, [state]);
    await table.table.caughtUp;
    assert.deepEqual(
      different(table.lines).map((line) => line.split("=")[0]),
      [...Array(10).keys()].map((index) => `0/${index}`),
    );
    const [books] = writer.books();
    assert.ok(books);
    assert.deepEqual(books.dropped, { "writer-full": 11 });
    assert.equal(unaccounted(books), 0);
  },
);

test(
  "a writer that is closed while the broker is away ends at its deadline, and counts what is lost",
  kafka.needed({ ours: true }),
  async (t) => {
    const settings = await newTenant(kafka.get(), { partitions: 1 });
    const { state } = topicNames(settings.prefix);
    const writer = startWriter(t, settings);
    const put = putter(writer, state);
    put("a", "1");
    await flushed(writer);
    await kafka.get().kill();
    put("b", "1");
    const startMs = performance.now();
    await writer.close(500);
    assert.ok(performance.now() - startMs < 1000);
    put("c", "1");
    const [books] = writer.books();
    assert.deepEqual([books?.kept, books?.dropped], [1, { closed: 2 }]);
    await kafka.get().start();
  },
);
