import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { openFleet } from "../../src/scans/fleet.ts";
import { command, freePort, startRedis, startReplica } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startSentinel } from "../support/sentinel.ts";

async function fleetOf(
  t: TestContext,
  ports: readonly number[],
  { replicas = false, host = "127.0.0.1" } = {},
) {
  const { targets } = defaultConfig({ redisUrls: ports.map((port) => `redis://${host}:${port}`) });
  const { signal } = new AbortController();
  const fleet = await openFleet(targets, { clock: systemClock, signal, budget: 1000, replicas });
  t.after(() => {
    for (const server of fleet.servers) server.close();
  });
  return { addresses: fleet.servers.map(({ address }) => address).sort(), missing: fleet.missing };
}

const at = (...ports: readonly number[]) => ports.map((port) => `127.0.0.1:${port}`).sort();

describe("the servers that a scan looks at", () => {
  test("are the one that is named, and its replicas where they are asked for", async (t) => {
    const primary = await startRedis(t);
    const replica = await startReplica(t, primary.port);
    assert.deepEqual(await fleetOf(t, [primary.port]), { addresses: at(primary.port), missing: [] });
    assert.deepEqual(await fleetOf(t, [primary.port], { replicas: true }), {
      addresses: at(primary.port, replica.port),
      missing: [],
    });
  });

  test("are there once, however they are named", async (t) => {
    const primary = await startRedis(t);
    const { targets } = defaultConfig({
      redisUrls: [`redis://127.0.0.1:${primary.port}`, `redis://localhost:${primary.port}`],
    });
    const { signal } = new AbortController();
    const { servers } = await openFleet(targets, { clock: systemClock, signal, budget: 1000 });
    for (const server of servers) server.close();
    assert.equal(servers.length, 1);
  });

  test("are the primaries of a cluster, by its replica, too", async (t) => {
    const cluster = await startRedisCluster(t);
    const primaries = at(...cluster.primaries.map(({ port }) => port));
    const [replica] = cluster.replicas;
    assert.deepEqual(await fleetOf(t, [replica?.port ?? 0]), { addresses: primaries, missing: [] });
    const all = at(...cluster.nodes.map(({ port }) => port));
    assert.deepEqual((await fleetOf(t, [replica?.port ?? 0], { replicas: true })).addresses, all);
  });

  test("are what a Sentinel watches", async (t) => {
    const primary = await startRedis(t);
    const sentinel = await startSentinel(t, { shop: primary.port });
    assert.deepEqual(await fleetOf(t, [sentinel.port]), { addresses: at(primary.port), missing: [] });
  });

  test("are asked by the user of their own target, also where another node names them", async (t) => {
    const cluster = await startRedisCluster(t, { replicas: 0 });
    const users = cluster.primaries.map(({ port }, index) => ({ port, user: `scan${index}` }));
    for (const { port, user } of users)
      await command(port, ["ACL", "SETUSER", user, "on", ">pw", "~*", "&*", "+@all"]);
    const { targets } = defaultConfig({
      redisUrls: users.map(({ port, user }) => `redis://${user}:pw@127.0.0.1:${port}`),
    });
    const { signal } = new AbortController();
    const { servers, missing } = await openFleet(targets, { clock: systemClock, signal, budget: 1000 });
    for (const server of servers) server.close();
    assert.deepEqual(missing, []);
    assert.equal(servers.length, 3);
  });

  test("are none where a Sentinel watches nobody, which is told of that Sentinel", async (t) => {
    const sentinel = await startSentinel(t, {});
    await assert.rejects(fleetOf(t, [sentinel.port]), {
      message: `127.0.0.1:${sentinel.port}: it watches no primary`,
    });
  });

  test("are not a Sentinel that does not tell what it watches", async (t) => {
    const primary = await startRedis(t);
    const sentinel = await startSentinel(t, { shop: primary.port });
    await command(sentinel.port, ["ACL", "SETUSER", "default", "-sentinel"]);
    await assert.rejects(fleetOf(t, [sentinel.port]), {
      code: "NOPERM",
      message: /may not run SENTINEL MASTERS/,
    });
  });

  test("are those that answer, with a line for each other one", async (t) => {
    const primary = await startRedis(t);
    const closed = await freePort();
    const { addresses, missing } = await fleetOf(t, [closed, primary.port]);
    assert.deepEqual(addresses, at(primary.port));
    assert.equal(missing.length, 1);
    assert.match(missing[0] ?? "", new RegExp(`^127\\.0\\.0\\.1:${closed}: `));
  });

  test("are an error where none answers", async (t) => {
    const closed = await freePort();
    await assert.rejects(fleetOf(t, [closed]), { code: "UNREACHABLE" });
  });
});
