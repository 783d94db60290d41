import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { observe } from "../../src/client/index.ts";
import type { IncidentJson } from "../../src/model/incident-json.ts";
import { Keyheat } from "../support/keyheat.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startWebhook } from "../support/webhook.ts";

const PAGE_MS_MAX = 2000;

async function startKeyheat(t: TestContext, server: TestServer, file: object = {}): Promise<Keyheat> {
  const keyheat = new Keyheat();
  t.after(() => keyheat.stop());
  const sources = { keyspace: { configure: "ensure" } };
  await keyheat.start({ redisUrls: [server.url], file: { sources, ...file } });
  await keyheat.ready();
  return keyheat;
}

/** An application: its own connection, observed as `service` unless that is `null`. */
function startApp(t: TestContext, server: TestServer, keyheat: Keyheat, service: string | null) {
  const redis = new Redis(server.url, { lazyConnect: true });
  const watch = service === null ? null : observe(redis, { service, agent: keyheat.standalone.url });
  // The server may end before the application does.
  redis.on("error", () => {});
  t.after(async () => {
    await watch?.stop();
    redis.disconnect();
  });
  return redis;
}

interface HotKeyRow {
  readonly key: string;
  readonly ratePerSecond: Readonly<Record<string, number>>;
  readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  readonly vantages: Readonly<Record<string, string>>;
  readonly services: Readonly<Record<string, number>>;
  readonly commands: Readonly<Record<string, number>>;
  readonly shareOfTarget: number | null;
  readonly suspect: boolean;
}

async function rowOf(keyheat: Keyheat, key: string, window = "60s"): Promise<HotKeyRow | undefined> {
  const { keys } = await keyheat.api<{ keys: HotKeyRow[] }>(`hotkeys?window=${window}&limit=1000`);
  return keys.find((row) => row.key === key);
}

interface CoverageRow {
  readonly kinds: Readonly<Record<"read" | "write", { ratio: number | null; vantage: string | null }>>;
  readonly sources: readonly { readonly source: string; readonly state: string }[];
}

/** Waits until the part of the reads that is covered fits: what the server ran is told by others than its clients. */
async function coverageOf(keyheat: Keyheat, fits: (ratio: number) => boolean): Promise<CoverageRow> {
  return await waitFor("the coverage of the reads", async () => {
    const { targets } = await keyheat.api<{ targets: CoverageRow[] }>("coverage");
    const row = targets[0] ?? assert.fail("no target is covered");
    if (!fits(row.kinds.read.ratio ?? 0)) throw new Error(JSON.stringify(row.kinds.read));
    return row;
  });
}

/** Posts a batch as a reporter in another language would. */
async function post(keyheat: Keyheat, batch: object): Promise<{ accepted: number; dropped: number }> {
  const response = await fetch(`${keyheat.standalone.url}/v1/samples`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(batch),
  });
  assert.equal(response.status, 202);
  return (await response.json()) as { accepted: number; dropped: number };
}

test("an application that reads one key at 20,000/s is paged with its name, while another only writes", async (t) => {
  const server = await startRedis(t);
  const hook = await startWebhook(t);
  const keyheat = await startKeyheat(t, server, {
    windows: ["2s", "10s", "60s"],
    rules: [{ name: "hot", type: "rate", window: "10s", threshold: "1000/s" }],
    receivers: [{ name: "hook", webhook: { url: hook.url } }],
  });
  const reader = startApp(t, server, keyheat, "checkout");
  const writer = startApp(t, server, keyheat, null);
  await reader.set("flag:x", "on");
  const writes = new PacedCalls(1000, (n) => writer.set(`cart:${n % 500}`, "x"));
  await keyheat.watches();
  const onsetMs = Date.now();
  const reads = new PacedCalls(20_000, () => reader.get("flag:x"));
  const page = await waitFor("the page", () => hook.requests[0] ?? null);
  await reads.stop();
  await writes.stop();
  const { data } = page.json() as { data: IncidentJson };
  t.diagnostic(`onset to page: ${page.atMs - onsetMs} ms at ${data.currentRatePerSecond}/s`);
  assert.equal(data.key, "flag:x");
  assert.deepEqual(Object.keys(data.services), ["checkout"]);
  assert.equal(Object.keys(data.commands)[0], "get");
  assert.equal(data.suspect, false);
  assert.ok(
    data.advice.some(({ remedy }) => remedy === "local-cache"),
    JSON.stringify(data.advice),
  );
  assert.ok(page.atMs - onsetMs <= PAGE_MS_MAX, `paged after ${page.atMs - onsetMs} ms`);
});

test("a key that is read and written, seen by both vantages, counts each access once", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, server);
  const redis = startApp(t, server, keyheat, "checkout");
  await redis.set("user:1", "0");
  await keyheat.watches();
  const reads = new PacedCalls(4000, () => redis.get("user:1"));
  const writes = new PacedCalls(2000, (n) => redis.set("user:1", String(n)));
  await sleep(5000);
  const read = await reads.stop();
  const written = await writes.stop();
  const row = await waitFor("all of it to be counted", async () => {
    const found = await rowOf(keyheat, "user:1");
    const rate = (kind: string) => (found?.ratePerSecond[kind] ?? 0) * 60;
    if (!found || rate("write") < written * 0.999 || rate("read") < read * 0.97)
      throw new Error(JSON.stringify(found));
    return found;
  });
  t.diagnostic(
    `read ${read}, written ${written}: ${JSON.stringify(row.count)} ${JSON.stringify(row.ratePerSecond)}`,
  );
  assert.deepEqual(row.vantages, { read: "clients", write: "server-events", miss: "server-events" });
  const exact = read + written + 1;
  assert.ok(Math.abs(row.count.estimate - exact) <= 0.03 * exact, `${row.count.estimate} of ${exact}`);
  assert.ok(row.count.lower <= exact);
  assert.equal(row.count.upper, null);
  assert.deepEqual(Object.keys(row.commands).sort(), ["get", "set"]);
  const { kinds, sources } = await coverageOf(keyheat, (ratio) => ratio >= 0.97);
  assert.equal(kinds.read.vantage, "clients");
  assert.deepEqual(
    sources.map(({ source, state }) => `${source} ${state}`),
    ["keyspace up", "samples up"],
  );
});

test("with half of the clients instrumented half of the reads are covered, and lower bounds hold", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, server);
  const seen = startApp(t, server, keyheat, "checkout");
  const unseen = startApp(t, server, keyheat, null);
  await seen.set("flag:x", "on");
  const apps = [seen, unseen].map(
    (redis) => new PacedCalls(1500, (n) => redis.get(n % 2 === 0 ? "flag:x" : `user:${n % 100}`)),
  );
  await sleep(6000);
  const [seenCalls = 0, unseenCalls = 0] = await Promise.all(apps.map((app) => app.stop()));
  const row = await waitFor("the key", async () => {
    const found = await rowOf(keyheat, "flag:x");
    return found && found.count.estimate >= (seenCalls / 2) * 0.97 ? found : null;
  });
  assert.ok(row.count.lower <= (seenCalls + unseenCalls) / 2);
  const { kinds } = await coverageOf(keyheat, (ratio) => Math.abs(ratio - 0.5) <= 0.05);
  t.diagnostic(`coverage of reads ${kinds.read.ratio}`);
});

test("a service that stops reporting for 20 s does not let its keys resolve or flap", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, server, {
    rules: [
      { name: "hot", type: "rate", window: "2s", threshold: "200/s", keepFiringFor: "1s", cooldown: "1s" },
    ],
  });
  const redis = startApp(t, server, keyheat, null);
  await redis.set("flag:x", "on");
  const reads = new PacedCalls(1000, () => redis.get("flag:x"));
  const states = new Set<string>();
  let reported = 0;
  let seq = 0;
  const report = async (seconds: number, isSilent = false) => {
    for (let second = 0; second < seconds; second++) {
      await sleep(1000 - (Date.now() % 1000));
      const endMs = Date.now() - (Date.now() % 1000);
      const samples = [{ key: "flag:x", reads: reads.made - reported }];
      reported = reads.made;
      const batch = { service: "web", instance: "web-1", seq: seq++, startMs: endMs - 1000, endMs, samples };
      if (!isSilent) await post(keyheat, batch);
      for (const { status } of await keyheat.incidents()) states.add(status);
    }
  };
  await report(5);
  assert.deepEqual([...states], ["firing"]);
  await report(20, true);
  await report(5);
  assert.deepEqual([...states], ["firing"]);
  assert.equal((await keyheat.incidents()).length, 1);
  await reads.stop();
});

test("a batch that is posted three times counts once", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, server);
  const endMs = Date.now() - (Date.now() % 1000);
  const samples = [{ key: "flag:x", reads: 120 }];
  const batch = { service: "web", instance: "web-1", seq: 7, startMs: endMs - 1000, endMs, samples };
  assert.equal((await post(keyheat, batch)).accepted, 1);
  assert.equal((await post(keyheat, batch)).dropped, 1);
  assert.equal((await post(keyheat, batch)).dropped, 1);
  const row = await waitFor("the key", async () => await rowOf(keyheat, "flag:x"));
  assert.ok(row.count.lower <= 120, JSON.stringify(row));
  const { text } = await keyheat.get("/metrics");
  assert.match(text, /keyheat_dropped_total\{[^}]*stage="samples"[^}]*reason="duplicate"[^}]*\} 2\b/);
});
