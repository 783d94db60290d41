import assert from "node:assert/strict";
import { it } from "node:test";
import { startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, startReplica, waitFor } from "../support/redis.ts";

// Roles are looked at once a pane. Where the old primary was looked at just before a failover and the new one just
// after it, both were counted for a pane, and the old one repeated what the new one ran: 11,870 of 10,000 writes.
it("a promoted replica is not counted before its predecessor must have been seen to be a replica", async (t) => {
  const primary = await startRedis(t);
  const replica = await startReplica(t, primary.port);
  const keyheat = await startKeyheat(t, {
    redisUrls: [replica.url],
    file: { discovery: { observe: "listed" }, sources: { keyspace: { configure: "ensure" } } },
  });
  const address = `127.0.0.1:${replica.port}`;
  await keyheat.ready();
  await keyheat.sourceIs("up at the replica", ({ state }) => state === "up", 5000, address);
  await command(replica.port, ["REPLICAOF", "NO", "ONE"]);
  await waitFor("the role", async () =>
    (await keyheat.targets()).some((row) => row.target === address && row.role === "primary"),
  );
  await load(replica.port, 1000, () => ["SET", "early", "v"], 2000);
  await keyheat.sourceIs(
    "up after a gap",
    ({ state, gaps }) => state === "up" && gaps === 1,
    15_000,
    address,
  );
  await load(replica.port, 50, () => ["SET", "later", "v"]);
  await keyheat.counts("later", 50);
  assert.equal(await keyheat.hotkey("early"), undefined);
});
