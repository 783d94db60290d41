import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { startKeyheat } from "../support/keyheat.ts";
import { KubernetesApi } from "../support/kubernetes-api.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { startRedis, waitFor } from "../support/redis.ts";

const NOTHING =
  "no running pod on node node-a has app=redis (namespace keyheat): nothing is to be watched here";

test("a pod is watched from when it runs, and when it is gone its incident ends as decommissioned, not as blind", async (t) => {
  const api = await KubernetesApi.start(t);
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, {
    file: {
      discovery: { observe: "local", kubernetes: { labelSelector: "app=redis", port: server.port } },
      sources: { keyspace: { configure: "ensure" } },
      rules: [
        { name: "hot", type: "rate", window: "2s", threshold: "100/s" },
        { name: "blind", type: "blind", threshold: "10s" },
      ],
    },
    ownPod: api.ownPod,
  });
  const degraded = async () => JSON.parse((await keyheat.get("/readyz")).text).degraded;
  await keyheat.ready();
  assert.deepEqual(await degraded(), [NOTHING]);
  assert.deepEqual(await keyheat.targets(), []);

  api.put({ name: "redis-0", ip: "127.0.0.1" });
  const address = `127.0.0.1:${server.port}`;
  await keyheat.sourceIs("up", ({ state }) => state === "up", 30_000, address);
  assert.deepEqual(await degraded(), []);
  const redis = new Redis(server.url);
  t.after(() => redis.disconnect());
  const writes = new PacedCalls(500, () => redis.incr("views"));
  const incident = async () => (await keyheat.incidents()).find(({ key }) => key === "views");
  await waitFor("the incident", async () => (await incident())?.status === "firing");

  api.delete("redis-0");
  await waitFor("its end", async () => (await incident())?.status === "resolved");
  assert.equal((await incident())?.reason, "decommissioned");
  await writes.stop();
  await waitFor("the target to be gone", async () => (await keyheat.targets()).length === 0);
  assert.deepEqual(await degraded(), [NOTHING]);

  api.put({ name: "redis-0", ip: "127.0.0.1" });
  await keyheat.sourceIs("up again", ({ state }) => state === "up", 30_000, address);
  const rules = (await keyheat.incidents()).map(({ key, status }) => [key, status]);
  assert.deepEqual(rules, [["views", "resolved"]]);
});
