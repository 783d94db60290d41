import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type IncidentRow, startKeyheat } from "../support/keyheat.ts";
import { load, startRedis, waitFor } from "../support/redis.ts";
import { type ReceivedRequest, startWebhook } from "../support/webhook.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];
const RULE = { name: "hot", type: "rate", window: "2s", threshold: "100/s", keepFiringFor: "2s" };

function fileFor(webhookUrl: string, cooldown: string) {
  return {
    rules: [{ ...RULE, cooldown }],
    receivers: [{ name: "hook", webhook: { url: webhookUrl } }],
    routes: [{ receivers: ["hook"], groupWait: "0s" }],
  };
}

/** Writes `key` about 500 times a second until the returned function is called or the test ends. */
function heat(t: TestContext, port: number, key: string): () => Promise<void> {
  let isHot = true;
  const heating = (async () => {
    while (isHot) await load(port, 100, () => ["SET", key, "v"], 500);
    // The server may end first.
  })().catch(() => {});
  const stop = async () => {
    isHot = false;
    await heating;
  };
  t.after(stop);
  return stop;
}

async function dataFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "keyheat-restart-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface Page {
  readonly type: string;
  readonly data: IncidentRow & { readonly incidents?: readonly IncidentRow[] };
}

const pageOf = (request: ReceivedRequest | undefined) => request?.json() as Page | undefined;

describe("a restart of the standalone", { concurrency: 2 }, () => {
  it("within the cooldown pages nobody again of a key that stays hot, and keeps the incident", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const webhook = await startWebhook(t);
    const dataDir = await dataFolder(t);
    const options = { redisUrls: [server.url], dataDir, file: fileFor(webhook.url, "5m") };
    const before = await startKeyheat(t, options);
    await before.ready();
    heat(t, server.port, "hot:1");
    const [first] = await webhook.received(1);
    const page = pageOf(first);
    assert.equal(page?.type, "incident.firing");
    const incident = await waitFor("the incident", async () => (await before.incidents())[0]);
    assert.equal(page.data.id, incident.id);
    await before.stop();

    const after = await startKeyheat(t, options);
    await after.ready();
    const again = await waitFor("the same incident, firing", async () => {
      const [known] = await after.incidents();
      return known?.status === "firing" ? known : null;
    });
    assert.equal(again.id, incident.id);
    // It is heard to be hot by the new process, too, and for some windows nobody is paged of it.
    await waitFor("new counts", async () => ((await after.hotkey("hot:1"))?.count.lower ?? 0) > 2000);
    await sleep(3000);
    assert.equal(webhook.requests.length, 1);
    assert.deepEqual(
      (await after.incidents()).map(({ id, status }) => [id, status]),
      [[incident.id, "firing"]],
    );
  });

  it("owes the resolve of a key that cooled down meanwhile, once, for the same incident", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const webhook = await startWebhook(t);
    const dataDir = await dataFolder(t);
    const options = { redisUrls: [server.url], dataDir, file: fileFor(webhook.url, "6s") };
    const before = await startKeyheat(t, options);
    await before.ready();
    const cool = heat(t, server.port, "hot:2");
    const [first] = await webhook.received(1);
    await cool();
    await before.stop();

    const after = await startKeyheat(t, options);
    await after.ready();
    const [, second] = await webhook.received(2, { timeoutMs: 25_000 });
    assert.equal(pageOf(second)?.type, "incident.resolved");
    assert.equal(pageOf(second)?.data.id, pageOf(first)?.data.id);
    await sleep(1000);
    assert.equal(webhook.requests.length, 2);
    assert.deepEqual(
      (await after.incidents()).map(({ id, status }) => [id, status]),
      [[pageOf(first)?.data.id, "resolved"]],
    );
  });

  it("sends what a receiver that was away has not taken yet", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const webhook = await startWebhook(t);
    await webhook.refuse();
    const dataDir = await dataFolder(t);
    const options = { redisUrls: [server.url], dataDir, file: fileFor(webhook.url, "5m") };
    const before = await startKeyheat(t, options);
    await before.ready();
    heat(t, server.port, "hot:3");
    const incident = await waitFor("the incident", async () => (await before.incidents())[0]);
    await before.stop();
    await webhook.listen();
    const after = await startKeyheat(t, options);
    const [first] = await webhook.received(1);
    assert.equal(pageOf(first)?.data.id, incident.id);
    await after.ready();
    await waitFor("new counts", async () => ((await after.hotkey("hot:3"))?.count.lower ?? 0) > 1000);
    assert.equal(webhook.requests.length, 1);
  });

  it("on damaged state starts all the same, sets it aside and says so", async (t) => {
    const server = await startRedis(t, { args: EVENTS_ON });
    const dataDir = await dataFolder(t);
    const options = { redisUrls: [server.url], dataDir };
    await (await startKeyheat(t, options)).stop();
    const files = (await readdir(dataDir)).filter((name) => !/-(wal|shm|journal)$/.test(name));
    assert.ok(files.length > 0, "no state was kept");
    for (const name of files) await writeFile(join(dataDir, name), "this is no state at all\n".repeat(400));
    const keyheat = await startKeyheat(t, options);
    await keyheat.ready();
    assert.ok(
      keyheat.log.some(({ level }) => level >= 40),
      "nothing was said of the damage",
    );
    assert.ok((await readdir(dataDir)).length > files.length, "the damaged state was not set aside");
    await load(server.port, 100, () => ["SET", "k", "v"]);
    await keyheat.counts("k", 100);
  });
});
