import assert from "node:assert/strict";
import { test } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { freePort, load, startRedis, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startWebhook } from "../support/webhook.ts";

interface Page {
  readonly type: string;
  readonly data: {
    readonly rule: string;
    readonly target: string;
    readonly key: string | null;
    readonly measure: { readonly unit: string; readonly value: number; readonly baseline: number | null };
    readonly advice: readonly { readonly why: string }[];
  };
}

test("a server that is gone pages that nobody sees it, with the reason, and that it is seen again", async (t) => {
  const port = await freePort();
  const args = ["--notify-keyspace-events", "AKEm"];
  const redis = await startRedis(t, { port, args });
  const webhook = await startWebhook(t);
  const keyheat = await startKeyheat(t, {
    redisUrls: [redis.url],
    file: {
      rules: [{ name: "blind", type: "blind", for: "1s", keepFiringFor: "1s", cooldown: "0s" }],
      receivers: [{ name: "hook", webhook: { url: webhook.url } }],
    },
  });
  await keyheat.ready();
  await redis.stop();
  const fired = (await webhook.received(1))[0]?.json() as Page;
  assert.equal(fired.type, "incident.firing");
  const { rule, target, key, measure, advice } = fired.data;
  assert.deepEqual([rule, target, key, measure.unit], ["blind", `127.0.0.1:${port}`, null, "seconds"]);
  assert.match(advice[0]?.why ?? "", /connection refused/);
  await startRedis(t, { port, args });
  await waitFor("the end to be told", () =>
    webhook.requests.some((request) => (request.json() as Page).type === "incident.resolved"),
  );
});

test("one node of a cluster far above its peers pages as a skew, by what the servers say they ran", async (t) => {
  const cluster = await startRedisCluster(t, { replicas: 0, args: ["--notify-keyspace-events", "AKEm"] });
  const busy = cluster.primaryOf("sale:1");
  const webhook = await startWebhook(t);
  const keyheat = await startKeyheat(t, {
    redisUrls: [`redis://${busy.address}`],
    file: {
      rules: [{ name: "skew", type: "skew", window: "2s", threshold: 3 }],
      receivers: [{ name: "hook", webhook: { url: webhook.url } }],
    },
  });
  await keyheat.ready();
  await load(busy.port, 20_000, () => ["SET", "sale:1", "v"], 4000);
  const fired = (await webhook.received(1))[0]?.json() as Page;
  const { rule, target, key, measure } = fired.data;
  assert.deepEqual([rule, target, key], ["skew", busy.address, null]);
  assert.ok(measure.value >= 3, `${measure.value}`);
});
