import assert from "node:assert/strict";
import { test } from "node:test";
import { startAgent } from "../../src/agent-service.ts";
import { defaultConfig } from "../../src/config/load.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { Fleet } from "../support/fleet.ts";
import { sharedKafka } from "../support/kafka.ts";
import { KubernetesApi } from "../support/kubernetes-api.ts";
import { freePort } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const kafka = sharedKafka();

test(
  "that an agent's node has no pods of servers is said, and is no problem that would page somebody",
  kafka.needed(),
  async (t) => {
    const api = await KubernetesApi.start(t);
    const { brokers } = kafka.get();
    const fleet = new Fleet(t, { brokers });
    await fleet.createTopics();
    const file = {
      discovery: { kubernetes: { labelSelector: "app=redis", port: await freePort() } },
      kafka: { brokers, prefix: fleet.prefix },
      http: { listen: "127.0.0.1:0" },
    };
    const agent = await startAgent(defaultConfig({ role: "agent", ...file }), {
      logger: silentLogger,
      ownPod: api.ownPod,
      onDead: ({ message }) => assert.fail(message),
    });
    t.after(() => agent.stop());
    const degraded = async () => {
      const answer = await fetch(`${agent.url}/readyz`);
      return ((await answer.json()) as { degraded?: string[] }).degraded ?? [];
    };
    const problems = async () => {
      const text = await (await fetch(`${agent.url}/metrics`)).text();
      return Number(/^keyheat_problems(?:\{.*\})? (\d+)/m.exec(text)?.[1]);
    };

    await waitFor("it to be all that is said", async () => {
      const lines = await degraded();
      assert.equal(lines.length, 1, String(lines));
      return /nothing is to be watched here/.test(lines[0] ?? "");
    });
    assert.equal(await problems(), 0);

    // A pod that does not answer is one.
    api.put({ name: "redis-0", ip: "127.0.0.1" });
    await waitFor("the problem", async () => (await problems()) === 1);
  },
);
