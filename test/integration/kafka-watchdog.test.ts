/** An aggregator's watchdog: called as long as Kafka is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();

test(
  "each aggregator calls the watchdog once it is ready, and no more while Kafka is away",
  kafka.needed({ ours: true }),
  async (t) => {
    const watchdog = await startWebhook(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers });
    const file = { watchdog: { url: watchdog.url, every: "1s" } };
    const aggregator = await fleet.aggregator(null, file);
    const degraded = async (what: RegExp) => what.test((await aggregator.get("/readyz")).text);
    await waitFor("the topics to be missed", () => degraded(/run keyheat topics --apply/));
    assert.equal(watchdog.requests.length, 0);

    await fleet.createTopics();
    await aggregator.ready();
    await watchdog.received(2);

    kafka.get().freeze();
    t.after(() => kafka.get().thaw());
    await waitFor("Kafka to be missed", () => degraded(/"degraded":\["Kafka/));
    const called = watchdog.requests.length;
    await sleep(3500);
    assert.ok(watchdog.requests.length <= called + 1, "one call may have been on its way");

    kafka.get().thaw();
    await watchdog.received(called + 3);
  },
);
