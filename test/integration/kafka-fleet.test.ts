import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { command, startRedis } from "../support/redis.ts";
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
  for (let i = 0; i < 5000; i++) await command(redis.port, ["SET", "k", String(i)]);
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
