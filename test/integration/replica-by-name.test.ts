import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { observe } from "../../src/client/index.ts";
import { startKeyheat } from "../support/keyheat.ts";
import { startRedis, startReplica, waitFor } from "../support/redis.ts";

/** No address by its form, but what every resolver makes 127.0.0.1 of. */
const HOST_NAME = "0x7f000001";

test("reads at a replica that the config knows by a host name are the replica's", async (t) => {
  const primary = await startRedis(t);
  const replica = await startReplica(t, primary.port);
  const replicaName = `${HOST_NAME}:${replica.port}`;
  const keyheat = await startKeyheat(t, {
    redisUrls: [primary.url, `redis://${replicaName}`],
    file: { sources: { keyspace: { configure: "ensure" } } },
  });
  await keyheat.ready();
  const app = new Redis(replica.url);
  const observation = observe(app, { service: "shop", agent: keyheat.standalone.url });
  t.after(async () => {
    await observation.stop();
    app.disconnect();
  });
  for (let i = 0; i < 50; i++) await app.get("user:1");
  const states = await waitFor("the reads to be placed", async () => {
    const targets = await keyheat.targets();
    const found = new Map(targets.map(({ target, sources }) => [target, sources[1]?.state]));
    return [...found.values()].includes("up") ? found : null;
  });
  assert.deepEqual(Object.fromEntries(states), {
    [`127.0.0.1:${primary.port}`]: "off",
    [replicaName]: "up",
  });
  assert.equal((await keyheat.counts("user:1", 50)).target, replicaName);
});
