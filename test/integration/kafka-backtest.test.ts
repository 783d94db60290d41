import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tableGroupPrefix } from "../../src/transport/kafka/names.ts";
import { PanesRange } from "../../src/transport/kafka/panes-range.ts";
import { runKeyheat } from "../support/command-line.ts";
import { Fleet } from "../support/fleet.ts";
import { freePort } from "../support/free-port.ts";
import { asAdmin, sharedKafka } from "../support/kafka.ts";
import { connectionOf, newTenant } from "../support/kafka-tenant.ts";
import { PanesProducer } from "../support/panes-producer.ts";
import { makePart, makeReport } from "../support/parts.ts";
import { load, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();
const RULE = { name: "hot", type: "rate", window: "2s", threshold: "500/s", cooldown: "10m" };

interface Backtest {
  readonly from: string | null;
  readonly complete: boolean;
  readonly notes: readonly string[];
  readonly incidents: readonly { readonly id: string; readonly key: string }[];
  readonly messages: readonly {
    readonly receiver: string;
    readonly event: string;
    readonly incidents: readonly string[];
  }[];
}

async function backtest(t: TestContext, args: readonly string[]): Promise<Backtest> {
  const command = runKeyheat(t, ["backtest", ...args, "--json"]);
  assert.equal(await command.ended(), 0, command.output);
  // Progress is said before, on a slow machine.
  return JSON.parse(command.output.slice(command.output.indexOf("{")));
}

test("what aggregators paged of is found again in Kafka, with the same ids", kafka.needed(), async (t) => {
  const redis = await startRedis(t);
  const hook = await startWebhook(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers });
  await fleet.createTopics();
  const agent = await fleet.agent([redis.url]);
  const aggregator = await fleet.aggregator(hook.url, { rules: [RULE] });
  await Promise.all([agent.ready(), aggregator.ready()]);
  await load(redis.port, 5000, (i) => ["SET", "k", String(i)], 2500);
  await hook.received(1);
  const [incident] = await aggregator.incidents();
  await aggregator.counts("k", 5000);

  const receivers = [{ name: "hook", webhook: { url: "http://nobody.invalid/" } }];
  const config = fleet.configFile({ rules: [RULE], receivers });
  const found = await backtest(t, ["--config", config, "--from", "-10m"]);
  assert.equal(found.complete, true);
  assert.deepEqual(
    found.incidents.map(({ id, key }) => [id, key]),
    [[incident?.id, "k"]],
  );
  assert.deepEqual(
    found.messages.map(({ receiver, event, incidents }) => [receiver, event, incidents]),
    [["hook", "firing", [incident?.id]]],
  );
  // The topic was made for this test.
  assert.match(found.notes.join("\n"), /^test-\S+\.panes\.v1 has nothing before 20/);

  const strict = fleet.configFile({ rules: [{ ...RULE, threshold: "90000/s" }], receivers });
  const none = await backtest(t, ["--rules", strict, "--from", "-10m", "--to", "now"]);
  assert.deepEqual([none.incidents, none.messages], [[], []]);
  assert.equal(hook.requests.length, 1);

  await waitFor("the groups of the backtests to be gone", async () => {
    const { groups } = await asAdmin(kafka.get(), (admin) => admin.listGroups());
    const names = groups.map(({ groupId }) => groupId);
    const own = names.filter((name) => name.startsWith(tableGroupPrefix(fleet.prefix)));
    // Of the aggregator and of the agent.
    return own.length === 2;
  });
});

test(
  "of a topic from which the past was deleted it says from when on it is there",
  kafka.needed(),
  async (t) => {
    const { brokers } = kafka.get();
    const fleet = new Fleet(t, { brokers, common: { kafka: { partitions: 1, buckets: 1 } } });
    await fleet.createTopics();
    const { prefix } = fleet;
    const producer = await PanesProducer.start(t, { brokers, prefix, buckets: 1, partitions: 1 });
    const second = () => Math.floor(Date.now() / 1000) * 1000;
    const rows = [{ key: "gone", write: 9000 }];
    await producer.send(producer.records(makePart({ startMs: second() - 1000, rows })));
    const topic = `${prefix}.panes.v1`;
    const partitions = [{ partition: 0, offset: "1" }];
    await asAdmin(kafka.get(), async (admin) => {
      // kafkajs knows no leader of a topic before that.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    });
    const startMs = second() - 1000;
    const kept = [
      makeReport({ atMs: startMs + 1000 }),
      makePart({ startMs, rows: [{ key: "kept", write: 9000 }] }),
    ];
    await producer.send(kept.flatMap((message) => producer.records(message)));
    const config = fleet.configFile({ rules: [RULE] });
    const found = await backtest(t, ["--config", config, "--from", "-10m"]);
    assert.match(
      found.notes.join("\n"),
      /panes\.v1 is complete only from 20\S+ on: what was older has been deleted/,
    );
    assert.deepEqual(
      found.incidents.map(({ key }) => key),
      ["kept"],
    );
  },
);

test(
  "a topic that is not there, or brokers that are not, end it with one line",
  kafka.needed(),
  async (t) => {
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    const command = runKeyheat(t, ["backtest", "--config", fleet.configFile({}), "--from", "-1m"]);
    assert.equal(await command.ended(), 1, command.output);
    assert.match(command.output, /^keyheat: Kafka has no topic test-\S+\.panes\.v1[^\n]*\n$/);
  },
);

test("what an agent recorded while it published to Kafka is replayed", kafka.needed(), async (t) => {
  const redis = await startRedis(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers });
  await fleet.createTopics();
  const folder = await mkdtemp(join(tmpdir(), "keyheat-backtest-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const recording = join(folder, "agent.rec");
  const port = await freePort();
  const config = fleet.configFile({
    targets: [{ url: redis.url }],
    sources: { keyspace: { configure: "ensure" } },
    http: { listen: `127.0.0.1:${port}` },
    rules: [RULE],
  });
  const agent = runKeyheat(t, ["agent", "--config", config, "--record", recording]);
  await waitFor("readiness", async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200);
  await load(redis.port, 5000, (i) => ["SET", "k", String(i)], 2500);
  const { code } = await agent.stop("SIGTERM");
  assert.equal(code, 0, agent.output);
  const found = await backtest(t, ["--file", recording, "--rules", config]);
  assert.deepEqual(
    found.incidents.map(({ key }) => key),
    ["k"],
  );
});

test(
  "more than fits into its memory is read in order, to the end of the range",
  kafka.needed(),
  async (t) => {
    const settings = await newTenant(kafka.get());
    const { brokers, prefix, partitions } = settings;
    const producer = await PanesProducer.start(t, { brokers, prefix, partitions });
    const perPartition = 150;
    // One after the other: to give out what comes first, it has to hold back the rest.
    for (let partition = 0; partition < partitions; partition++) {
      for (let sent = 0; sent < perPartition; sent += 5) {
        const batch = Array.from({ length: 5 }, () => ({ partition, value: randomBytes(100_000) }));
        await producer.send(batch);
      }
    }
    const connection = connectionOf(settings);
    const range = await PanesRange.open({ connection, fromMs: 0, toMs: Date.now() + 1000 });
    const offsets = new Map<number, number[]>();
    let lastMs = 0;
    for await (const records of range.records(new AbortController().signal)) {
      for (const { atMs, record } of records) {
        assert.ok(atMs >= lastMs);
        lastMs = atMs;
        offsets.set(record.partition, [...(offsets.get(record.partition) ?? []), record.offset]);
      }
    }
    await range.close(5000);
    const all = Array.from({ length: perPartition }, (_, offset) => offset);
    assert.deepEqual(
      [...offsets].sort(([one], [other]) => one - other),
      Array.from({ length: partitions }, (_, partition) => [partition, all]),
    );
    assert.equal(range.progress, 1);
  },
);
