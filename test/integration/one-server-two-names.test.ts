import assert from "node:assert/strict";
import { test } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, waitFor } from "../support/redis.ts";

test("a server that is listed under two names is counted once, and the second name is said to be one", async (t) => {
  const server = await startRedis(t);
  await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", "AKEm"]);
  const names = [`127.0.0.1:${server.port}`, `localhost:${server.port}`];
  const keyheat = await startKeyheat(t, { redisUrls: names.map((name) => `redis://${name}`) });
  await keyheat.ready();
  await load(server.port, 500, () => ["SET", "k", "v"]);
  await keyheat.counts("k", 500);
  // Counts may be told a moment before the reports of the same pane.
  const rows = await waitFor("what both names are", async () => {
    const found = await Promise.all(names.map((name) => keyheat.source(name)));
    assert.deepEqual(found.map((row) => row?.state).sort(), ["off", "up"]);
    return found;
  });
  const reason = rows.find((row) => row?.state === "off")?.reason;
  assert.match(reason ?? "", /the same server as .*: list it once/);
});
