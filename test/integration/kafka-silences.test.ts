import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { ownerAmong, pagesOf, startWrittenRedis } from "../support/takeover.ts";
import { waitFor } from "../support/wait.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();

interface ShownSilence {
  readonly id: string;
  readonly state: string;
}

async function silencesAt(process: FleetProcess): Promise<readonly ShownSilence[]> {
  return (await process.api<{ silences: ShownSilence[] }>("silences")).silences;
}

test(
  "a silence taken by any aggregator holds in all, outlives its owner, and ends where it is removed",
  kafka.needed(),
  async (t) => {
    const redis = await startWrittenRedis(t);
    const fleet = new Fleet(t, { brokers: kafka.get().brokers, common: { kafka: { sessionTimeout: "3s" } } });
    await fleet.createTopics();
    const agent = await fleet.agent([`redis://127.0.0.1:${redis.port}`]);
    await agent.ready();
    const hook = await startWebhook(t);
    const pair = [await fleet.aggregator(hook.url), await fleet.aggregator(hook.url)];
    await Promise.all(pair.map((one) => one.ready()));
    await redis.write("cart:1", 1500);
    await hook.received(1);
    const owner = await ownerAmong(pair);
    const other = pair.find((one) => one !== owner)!;

    const made = await fetch(`${other.url}/api/v1/silences`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ matchers: { key: "sale:*" }, duration: "1h", comment: "the sale" }),
    });
    assert.equal(made.status, 201);
    const { id } = (await made.json()) as { id: string };
    assert.deepEqual(
      (await silencesAt(other)).map(({ state }) => state),
      ["active"],
      "who answered has it in force",
    );
    await waitFor("the owner to know it", async () => (await silencesAt(owner)).length === 1);
    await redis.write("sale:1", 1500);
    await waitFor("the silenced incident", async () =>
      (await owner.incidents()).some(({ key, status }) => key === "sale:1" && status === "firing"),
    );

    await owner.signal("SIGTERM");
    await ownerAmong([other]);
    await redis.write("cart:2", 1500);
    await waitFor("the page of the new owner", () =>
      pagesOf(hook.requests).some(({ key }) => key === "cart:2"),
    );
    assert.ok(!pagesOf(hook.requests).some(({ key }) => key === "sale:1"), "it was told within its silence");

    const removed = await fetch(`${other.url}/api/v1/silences/${id}`, { method: "DELETE" });
    assert.equal(removed.status, 204);
    await waitFor("the page of what still burns", () =>
      pagesOf(hook.requests).some(({ key }) => key === "sale:1"),
    );
    owner.restart();
    await owner.ready();
    assert.deepEqual(await silencesAt(owner), []);
  },
);
