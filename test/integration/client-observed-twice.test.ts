import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { observe } from "../../src/client/index.ts";
import { startRedis, type TestServer } from "../support/redis.ts";

const OPTIONS = { service: "shop", sampleRate: 1 } as const;

describe("an app that observes all its clients, duplicates too", () => {
  let server: TestServer;
  before(async () => {
    server = await startRedis(null);
  });
  after(() => server.stop());

  it("counts each command of ioredis once, and is warned once", async (t) => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const redis = new Redis(server.url);
    const first = observe(redis, OPTIONS);
    const duplicate = redis.duplicate();
    t.after(() => {
      process.off("warning", onWarning);
      redis.disconnect();
      duplicate.disconnect();
    });
    const second = observe(duplicate, OPTIONS);
    const third = observe(redis, OPTIONS);
    await duplicate.get("a");
    await redis.get("b");
    second.record("own", "read", 3);
    assert.deepEqual([first.stats.counted, second.stats.counted, third.stats.counted], [2, 3, 0]);
    await Promise.all([second.stop(), third.stop()]);
    await duplicate.get("a");
    assert.equal(first.stats.counted, 3, "the first goes on when the second ends");
    await first.stop();
    await nextTurn();
    assert.deepEqual(
      warnings.map((warning) => ("code" in warning ? warning.code : warning.name)),
      ["KEYHEAT_OBSERVED"],
    );
  });

  it("counts each command of node-redis once", async (t) => {
    const client = createClient({ url: server.url });
    const first = observe(client, OPTIONS);
    const duplicate = client.duplicate();
    await Promise.all([client.connect(), duplicate.connect()]);
    t.after(() => {
      client.destroy();
      duplicate.destroy();
    });
    const second = observe(duplicate, OPTIONS);
    await duplicate.get("a");
    await client.get("b");
    second.record("own");
    assert.deepEqual([first.stats.counted, second.stats.counted], [2, 1]);
    await Promise.all([second.stop(), first.stop()]);
  });

  it("is told at once of what is no client", () => {
    for (const other of [{}, new Map(), { sendCommand() {}, duplicate() {} }]) {
      assert.throws(() => observe(other, OPTIONS), TypeError);
    }
  });
});
