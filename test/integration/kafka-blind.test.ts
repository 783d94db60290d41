import assert from "node:assert/strict";
import { test } from "node:test";
import { Fleet, type FleetProcess } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { startRedis, waitFor } from "../support/redis.ts";
import { startWebhook } from "../support/webhook.ts";

const kafka = sharedKafka();
const RULES = [{ name: "blind", type: "blind", threshold: "5s", keepFiringFor: "1s", cooldown: "1s" }];

interface Page {
  readonly type: string;
  readonly data: { readonly id: string; readonly target: string; readonly key: string | null };
}

/** An aggregator, where it is the one that has the incident to judge. */
async function judges(aggregator: FleetProcess): Promise<FleetProcess | null> {
  const firing = await aggregator.metric("keyheat_incidents_firing", { rule: "blind" });
  return firing === 1 ? aggregator : null;
}

test(
  "an agent that dies pages once, also where the owner of the cluster dies after it, and its return ends it",
  kafka.needed(),
  async (t) => {
    const redis = await startRedis(t);
    const fleet = new Fleet(t, {
      brokers: kafka.get().brokers,
      common: { kafka: { sessionTimeout: "3s" }, rules: RULES },
    });
    await fleet.createTopics();
    const agent = await fleet.agent([redis.url]);
    await agent.ready();
    const hook = await startWebhook(t);
    // Without reminders within the test: what comes again would be a duplicate.
    const rules = { rules: [{ ...RULES[0], cooldown: "10m" }] };
    const pair = [await fleet.aggregator(hook.url, rules), await fleet.aggregator(hook.url, rules)] as const;
    await Promise.all(pair.map((one) => one.ready()));
    await waitFor("the server to be seen", async () => (await pair[0].targets())[0]?.state === "seen");
    await agent.signal("SIGKILL");
    const [first] = await hook.received(1);
    const { type, data } = first!.json() as Page;
    assert.deepEqual([type, data.target, data.key], ["incident.firing", `127.0.0.1:${redis.port}`, null]);
    const owner = await waitFor("an owner", async () =>
      (await Promise.all(pair.map(judges))).find((one) => one),
    );
    const other = pair[0] === owner ? pair[1] : pair[0];
    // What is killed between a page and its log pages again, with the same id: that is another test's.
    await waitFor("the page to be logged", async () => (await other.incidents())[0]?.notified.length === 1);
    await owner.signal("SIGKILL");
    await waitFor("the other to have taken over", () => judges(other));
    agent.restart();
    await waitFor("the incident to recover", async () => {
      const [incident] = await other.incidents();
      return incident?.id === data.id && incident.status === "recovering";
    });
    assert.equal(hook.requests.length, 1, "paged once, and not resolved within the cooldown");
  },
);
