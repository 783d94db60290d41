import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { HotSet } from "../../src/client/hot-set.ts";
import { observe } from "../../src/client/index.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { KafkaOutlet } from "../../src/kafka-outlet.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { KafkaConnection } from "../../src/transport/kafka/connection.ts";
import { RecordWriter } from "../../src/transport/kafka/record-writer.ts";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { load, startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();

test("what one agent counts is counted by either aggregator, and paged once", kafka.needed(), async (t) => {
  const redis = await startRedis(t);
  const hook = await startWebhook(t);
  const fleet = new Fleet(t, { brokers: kafka.get().brokers });
  await fleet.createTopics();
  const agent = await fleet.agent([`redis://127.0.0.1:${redis.port}`]);
  const aggregators = [await fleet.aggregator(hook.url), await fleet.aggregator(hook.url)];
  await Promise.all([agent, ...aggregators].map((process) => process.ready()));
  // Paced: one by one, a slow machine's writes stay below the threshold.
  await load(redis.port, 5000, (i) => ["SET", "k", String(i)], 2500);
  for (const aggregator of aggregators) await aggregator.counts("k", 5000);
  const pages = await hook.received(1);
  assert.deepEqual(
    pages.map((page) => page.json()).map((body) => (body as { type: string }).type),
    ["incident.firing"],
  );
  await waitFor("both to know that the hook was told", async () => {
    const logs = await Promise.all(
      aggregators.map(async (one) => (await one.incidents())[0]?.notified.length),
    );
    return logs.every((length) => length === 1);
  });
  assert.equal(hook.requests.length, 1);
});

test(
  "an agent tells the applications of its host the hot set that aggregators wrote",
  kafka.needed(),
  async (t) => {
    const redis = await startRedis(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    await fleet.createTopics();
    const agent = await fleet.agent([`redis://127.0.0.1:${redis.port}`]);
    await agent.ready();
    const connection = new KafkaConnection(
      { ...defaultConfig().kafka, brokers: kafka.get().brokers, prefix: fleet.prefix },
      { logger: silentLogger, clock: systemClock, clientId: "test" },
    );
    const writer = new RecordWriter({ connection });
    t.after(() => writer.close(1000));
    const lease = { db: 0, key: Buffer.from("flag:x"), remedies: ["local-cache"], ratePerSecond: 5000 };
    new KafkaOutlet(writer, connection.topics, 12).hotSet({
      authority: { cluster: "default", bucket: 0, term: 1, instance: "test" },
      version: 1,
      leases: [{ ...lease, leaseUntilMs: Date.UTC(2100, 0, 1) }],
    });
    const first = await waitFor("the lease", async () => {
      const response = await fetch(`${agent.url}/v1/hotset`);
      for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
        if (piece.includes("snapshot")) return piece.includes("flag:x") && piece;
      }
      return null;
    });
    assert.match(first, /"key":"flag:x".*"leaseUntil":"2100-01-01T00:00:00.000Z"/);
  },
);

test(
  "a key that an app reads hard is leased by the aggregators, and its agent tells the app, by the key's own name",
  kafka.needed(),
  async (t) => {
    const redis = await startRedis(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    await fleet.createTopics();
    const keyFile = fleet.secretFile("a secret of more than 16 bytes");
    const agent = await fleet.agent([redis.url], { redact: { mode: "hash", keyFile } });
    const hotSetTerms = { threshold: "300/s", lease: "5s" };
    const aggregators = [
      await fleet.aggregator(null, { hotSet: hotSetTerms }),
      await fleet.aggregator(null, { hotSet: hotSetTerms }),
    ];
    await Promise.all([agent, ...aggregators].map((process) => process.ready()));
    const app = new Redis(redis.url);
    const observation = observe(app, { service: "shop", agent: agent.url });
    const hotSet = new HotSet({ agent: agent.url });
    t.after(async () => {
      hotSet.close();
      await observation.stop();
      app.disconnect();
    });
    await app.set("user:42", "x");
    const reads = new PacedCalls(2000, () => app.get("user:42"));
    await waitFor("the lease", () => hotSet.has("user:42"));
    assert.deepEqual(hotSet.keys(), ["user:42"]);
    const counts = await Promise.all(aggregators.map((one) => one.metric("keyheat_hotset_leases")));
    assert.deepEqual(counts.filter((count) => count !== null).length, 1, "one of them owns the cluster");
    await reads.stop();
    await waitFor("the end of the lease", () => !hotSet.has("user:42"));
  },
);
