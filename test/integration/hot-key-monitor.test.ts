import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { HotKeyMonitor } from "../../src/client/index.ts";
import { startRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

test("an app finds its hot key on a real server, and hears when it has cooled", async (t) => {
  const server = await startRedis(t);
  const redis = new Redis(server.port, "127.0.0.1");
  t.after(() => redis.disconnect());
  const told: string[] = [];
  const monitor = new HotKeyMonitor({
    windowMs: 1000,
    // What a busy machine keeps up, a few accesses at a time.
    threshold: 60,
    onHot: ({ key }) => told.push(`hot ${key}`),
    onCool: ({ key }) => told.push(`cool ${key}`),
  });
  t.after(() => monitor.close());
  const get = async (key: string) => {
    const value = await redis.get(key);
    monitor.record(key, value === null ? "miss" : "read");
  };
  await redis.set("flag:x", "on");
  const startMs = Date.now();
  let analysis = monitor.analyze();
  // Of what was hot a moment ago it may be seen no more: a window moves on by whole panes.
  for (let i = 0; analysis.hotKeys.length === 0 && Date.now() - startMs < 5000; i++) {
    await Promise.all([...Array(5).fill("flag:x"), `user:${i}`].map(get));
    await sleep(1);
    analysis = monitor.analyze();
  }
  assert.deepEqual(told, ["hot flag:x"]);
  assert.ok(Date.now() - startMs < 2000, `${Date.now() - startMs} ms`);
  assert.deepEqual(
    analysis.hotKeys.map(({ key }) => key),
    ["flag:x"],
  );
  assert.ok(analysis.uniqueKeys > 5 && analysis.totalAccesses >= 60);
  await waitFor("the key to cool", () => told.length === 2);
  assert.deepEqual(told, ["hot flag:x", "cool flag:x"]);
  assert.equal(monitor.metrics().hotNow, 0);
});

test("a process with a monitor ends by itself, while a key is hot", async () => {
  const script = `
    import { HotKeyMonitor } from ${JSON.stringify(import.meta.resolve("../../src/client/index.ts"))};
    const monitor = new HotKeyMonitor({ threshold: 1, windowMs: 60_000 });
    for (let i = 0; i < 1000; i++) monitor.record("k");
    process.stdout.write(monitor.analyze().hotKeys[0].key);
  `;
  // The timer of its window would hold it longer than it is given here.
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 30_000,
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  assert.equal(stdout, "k");
});
