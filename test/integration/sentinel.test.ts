import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startAgent } from "../support/agent.ts";
import { command, startRedis, startReplica, waitFor } from "../support/redis.ts";
import { startSentinel } from "../support/sentinel.ts";

/** The time within which every change is to be followed. */
const FOLLOWED_MS = 5000;

describe("from a Sentinel", { concurrency: 2 }, () => {
  it("an agent finds the primary and its replicas, and follows a failover; the Sentinel is no target", async (t) => {
    const primary = await startRedis(t);
    const replica = await startReplica(t, primary.port);
    const sentinel = await startSentinel(t, { shop: primary.port });
    const [atPrimary, atReplica] = [`127.0.0.1:${primary.port}`, `127.0.0.1:${replica.port}`] as const;
    const told = startAgent(t, { urls: [sentinel.url] });
    await told.lists([atPrimary, atReplica]);
    await told.watches([atPrimary, atReplica]);
    assert.deepEqual(told.agent.problems(), []);
    assert.equal(told.agent.watched, 2);

    await waitFor("the Sentinel to know the replica", async () => {
      const reply = await command(sentinel.port, ["SENTINEL", "REPLICAS", "shop"]);
      // Before it has heard from the replica it would give up a failover, and try again 20 s later.
      const isHeard = /,master-link-status,ok,/.test(String(reply)) && !/disconnected/.test(String(reply));
      return Array.isArray(reply) && reply.length === 1 && isHeard;
    });
    await primary.stop();
    await waitFor(
      "the failover",
      async () => String(await command(replica.port, ["INFO", "replication"])).includes("role:master"),
      30_000,
    );
    const startMs = performance.now();
    await waitFor("the new primary", () => told.reports().get(atReplica)?.role === "primary");
    const tookMs = performance.now() - startMs;
    t.diagnostic(`a failover by a Sentinel followed after ${Math.round(tookMs)} ms`);
    assert.ok(tookMs < FOLLOWED_MS);
    // The Sentinel goes on to name the old primary, as a replica that is away.
    await told.lists([atPrimary, atReplica]);
    const reported = new Set(told.messages.flatMap((m) => (m.type === "report" ? [m.target] : [])));
    assert.deepEqual([...reported].sort(), [atPrimary, atReplica].sort());
  });

  it("that watches several primaries, each is a cluster of its own", async (t) => {
    const [one, other] = [await startRedis(t), await startRedis(t)];
    const sentinel = await startSentinel(t, { one: one.port, other: other.port });
    const told = startAgent(t, { urls: [sentinel.url] });
    await told.lists([`127.0.0.1:${one.port}`], 10_000, "default/one");
    await told.lists([`127.0.0.1:${other.port}`], 10_000, "default/other");
    await told.watches([`127.0.0.1:${one.port}`, `127.0.0.1:${other.port}`]);
    const clusters = new Set(Array.from(told.reports().values(), ({ cluster }) => cluster));
    assert.deepEqual([...clusters].sort(), ["default/one", "default/other"]);
  });

  it("nothing is watched where only listed servers are to be, and the agent says so", async (t) => {
    const primary = await startRedis(t);
    const sentinel = await startSentinel(t, { shop: primary.port });
    const told = startAgent(t, { urls: [sentinel.url], observe: "listed" });
    await waitFor("the problem", () =>
      told.agent.problems().some((line) => line.includes("a Sentinel holds no keys")),
    );
    assert.equal(told.agent.watched, 0);
  });
});
