import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { observe } from "../../src/client/index.ts";
import { startKeyheat } from "../support/keyheat.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { command, startRedis, waitFor } from "../support/redis.ts";

const READS_PER_SECOND = 2000;
const LEASE_MS = 5000;

async function getsServed(port: number): Promise<number> {
  const text = String(await command(port, ["INFO", "commandstats"]));
  return Number(/cmdstat_get:calls=(\d+)/.exec(text)?.[1] ?? 0);
}

test("an app that hammers a key cools it by itself: its incident resolves, and its lease stays", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, {
    redisUrls: [server.url],
    file: {
      sources: { keyspace: { configure: "ensure" } },
      rules: [
        {
          name: "hot",
          type: "rate",
          window: "2s",
          threshold: "300/s",
          keepFiringFor: "1s",
          cooldown: "1s",
        },
      ],
      hotSet: { threshold: "300/s", lease: `${LEASE_MS / 1000}s` },
    },
  });
  await keyheat.ready();
  await keyheat.watches();
  const redis = new Redis(server.url);
  const other = new Redis(server.url);
  const { get } = redis;
  const observation = observe(redis, {
    service: "shop",
    agent: keyheat.standalone.url,
    mitigate: true,
  });
  t.after(async () => {
    await observation.stop();
    redis.disconnect();
    other.disconnect();
  });
  await redis.set("flag:x", "on");
  const status = async () => (await keyheat.incidents()).find(({ key }) => key === "flag:x")?.status;
  /** GETs of the key that the server sees a second, and reads of the app's. */
  const rates = async () => {
    const before = { ms: performance.now(), served: await getsServed(server.port), made: reads.made };
    await waitFor("a while", () => performance.now() - before.ms > 3000);
    const seconds = (performance.now() - before.ms) / 1000;
    return {
      served: ((await getsServed(server.port)) - before.served) / seconds,
      made: (reads.made - before.made) / seconds,
    };
  };
  const startMs = performance.now();
  const reads = new PacedCalls(READS_PER_SECOND, async () => {
    assert.notEqual(await redis.get("flag:x"), null);
  });
  await waitFor("the lease", () => observation.mitigation?.keys.includes("flag:x"));
  const leasedMs = performance.now() - startMs;
  await waitFor("the incident", async () => (await status()) === "firing");
  const served = (await getsServed(server.port)) / (leasedMs / 1000);
  // Reads go to the server until one of them is answered: all that are made meanwhile, and on a busy machine those are many.
  await waitFor("a read that is answered here", () => (observation.mitigation?.hits ?? 0) > 0);
  const cooled = await rates();
  t.diagnostic(
    `leased after ${Math.round(leasedMs)} ms; the server saw about ${Math.round(served)}/s, then ${cooled.served.toFixed(1)}/s of ${Math.round(cooled.made)}/s`,
  );
  assert.ok(cooled.made > READS_PER_SECOND / 4, `${cooled.made}/s were made`);
  assert.ok(cooled.served < 10, `${cooled.served}/s were served`);
  await waitFor("the incident to resolve", async () => (await status()) === "resolved");
  const resolvedMs = performance.now();
  await waitFor("two leases' length", () => performance.now() - resolvedMs > 2 * LEASE_MS);
  assert.deepEqual([observation.mitigation?.keys, await status()], [["flag:x"], "resolved"]);
  assert.ok((await rates()).served < 10);

  const setMs = performance.now();
  await other.set("flag:x", "off");
  await waitFor("the other's write", async () => (await redis.get("flag:x")) === "off", 30_000, 0);
  t.diagnostic(`another client's write was seen after ${(performance.now() - setMs).toFixed(1)} ms`);
  await redis.set("flag:x", "on");
  assert.equal(await redis.get("flag:x"), "on");

  await reads.stop();
  await observation.stop();
  assert.equal(redis.get, get);
  assert.deepEqual(observation.mitigation?.keys, []);
  const before = await getsServed(server.port);
  for (let i = 0; i < 100; i++) await redis.get("flag:x");
  assert.equal((await getsServed(server.port)) - before, 100);
});
