import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { defaultConfig } from "../../src/config/load.ts";
import type { IncidentJson } from "../../src/model/incident-json.ts";
import { unaccounted } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { type Standalone, startStandalone } from "../../src/standalone.ts";
import { load, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { type ReceivedRequest, startWebhook, type TestWebhook } from "../support/webhook.ts";

const THRESHOLD_PER_SECOND = 1000;
/** The count in a window of 10 s at which the rule holds. */
const CROSSING_COUNT = 10 * THRESHOLD_PER_SECOND;
const HOT_PER_SECOND = 20 * THRESHOLD_PER_SECOND;
/** Far above what it takes (bench/onset.bench.ts): tests share their machine. */
const PAGE_MS_MAX = 1000;
const ONSETS = 8;
/** What a current rate is of, where a key rises. */
const CURRENT_SPAN_MS = 200;

interface Page {
  readonly request: ReceivedRequest;
  readonly event: string;
  readonly incident: IncidentJson;
}

interface HotKey {
  readonly key: string;
  readonly count: { readonly lower: number; readonly upper: number | null };
}

/** Standalone on a server of its own; receivers by name. At its end every stage must account for all it received. */
async function startKeyheat(t: TestContext, server: TestServer, receivers: Record<string, object>) {
  const config = defaultConfig({
    redisUrls: [server.url],
    sources: { keyspace: { configure: "ensure" } },
    http: { listen: "127.0.0.1:0" },
    rules: [{ name: "hot-key", type: "rate", threshold: `${THRESHOLD_PER_SECOND}/s`, window: "10s" }],
    // Onsets follow each other faster than the default budget lets pages out.
    routes: [{ match: {}, receivers: Object.keys(receivers), burst: 100 }],
    receivers: Object.entries(receivers).map(([name, webhook]) => ({ name, webhook })),
    // The long one holds all of a test, on a slow machine too.
    windows: ["10s", "120s"],
  });
  const standalone = await startStandalone(config, { logger: silentLogger, dataDir: null });
  t.after(() => standalone.stop());
  await waitFor("readiness", async () => (await fetch(`${standalone.url}/readyz`)).ok);
  return standalone;
}

function pagesAt(webhook: TestWebhook): Page[] {
  return webhook.requests.flatMap((request) => {
    const { type, data } = request.json() as {
      type: string;
      data: IncidentJson & { incidents?: IncidentJson[] };
    };
    return (data.incidents ?? [data]).map((incident) => ({ request, event: type, incident }));
  });
}

interface Onset {
  /** Wall clock. */
  readonly crossedMs: number;
  /** When each write left, by the monotonic clock, in ms. */
  readonly sentAtMs: readonly number[];
}

/** Heats a key until some time after its page must have come. */
async function overheat(server: TestServer, key: string): Promise<Onset> {
  const sentAtMs: number[] = [];
  const write = () => {
    sentAtMs.push(performance.now());
    return ["SET", key, "x"];
  };
  await load(server.port, CROSSING_COUNT, write, HOT_PER_SECOND);
  const crossedMs = Date.now();
  await load(server.port, CROSSING_COUNT, write, HOT_PER_SECOND);
  return { crossedMs, sentAtMs };
}

/** The lowest and the highest rate in any span of these times: what a busy machine holds up comes late, and faster. */
function pacesPerSecond(sentAtMs: readonly number[], spanMs: number): { slowest: number; fastest: number } {
  const rates: number[] = [];
  let end = 0;
  for (const [start, atMs] of sentAtMs.entries()) {
    while (end < sentAtMs.length && (sentAtMs[end] ?? 0) < atMs + spanMs) end++;
    if (end === sentAtMs.length) break;
    rates.push(((end - start) / spanMs) * 1000);
  }
  return { slowest: Math.min(...rates), fastest: Math.max(...rates) };
}

/** Writes a key evenly, below the threshold in any window: what the machine held up is not made up for at once. */
async function keepQuiet(server: TestServer, key: string, writes: number, perSecond: number): Promise<void> {
  const batch = perSecond / 10;
  let dueMs = performance.now();
  for (let left = writes; left > 0; left -= batch) {
    await load(server.port, Math.min(batch, left), () => ["SET", key, "x"]);
    dueMs = Math.max(dueMs + 100, performance.now());
    await sleep(dueMs - performance.now());
  }
}

function untilPhase(share: number): Promise<void> {
  return sleep((1000 + share * 1000 - (Date.now() % 1000)) % 1000);
}

async function assertAccounted(standalone: Standalone): Promise<void> {
  await standalone.stop();
  for (const books of standalone.books()) assert.equal(unaccounted(books), 0, `books of ${books.stage}`);
}

/** By the Standard Webhooks specification, worked out apart from the code that signs. */
function assertSigned({ headers, body, atMs }: ReceivedRequest, secret: Buffer): void {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headers;
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  assert.equal(signature, `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
  assert.ok(Math.abs(Number(timestamp) - atMs / 1000) < 5, `signed at ${timestamp}, received at ${atMs}`);
}

test("a key at 20 times the threshold pages once and soon at any phase of a second, one at 0.95 times never", async (t) => {
  const secret = randomBytes(24);
  const server = await startRedis(t);
  const hook = await startWebhook(t);
  const keyheat = await startKeyheat(t, server, {
    hook: { url: hook.url, secret: `whsec_${secret.toString("base64")}` },
  });
  const quietWrites = 13 * 0.95 * THRESHOLD_PER_SECOND;
  const quiet = keepQuiet(server, "quiet", quietWrites, 0.95 * THRESHOLD_PER_SECOND);
  const background = load(server.port, 20_000, (i) => ["SET", `background:${i % 2000}`, "x"], 1500);
  const written = new Map([["quiet", quietWrites]]);
  const delaysMs: number[] = [];
  for (let n = 0; n < ONSETS; n++) {
    const key = `sale:${n}`;
    await untilPhase(n / ONSETS);
    const { crossedMs, sentAtMs } = await overheat(server, key);
    const sent = sentAtMs.length;
    written.set(key, sent);
    const pages = await waitFor(`the page of ${key}`, () => {
      const ofKey = pagesAt(hook).filter(({ incident }) => incident.key === key);
      return ofKey.length > 0 ? ofKey : null;
    });
    const { incident, request } = pages[0] ?? assert.fail();
    delaysMs.push(request.atMs - crossedMs);
    const { currentRatePerSecond, count } = incident;
    const { slowest, fastest } = pacesPerSecond(sentAtMs, CURRENT_SPAN_MS);
    const isNear = currentRatePerSecond > slowest / 2 && currentRatePerSecond < fastest * 1.5;
    assert.ok(isNear, `${key} at ${slowest} to ${fastest}/s, the page says ${currentRatePerSecond}/s`);
    assert.ok(count.lower >= CROSSING_COUNT && count.lower <= sent, `${key} paged at ${count.lower}`);
  }
  await Promise.all([quiet, background]);
  const endMs = Date.now();

  const hotKeys = await waitFor("a window that covers all of it", async () => {
    const answer = await fetch(`${keyheat.url}/api/v1/hotkeys?window=120s&limit=20`);
    const body = (await answer.json()) as { asOf: string; complete: boolean; keys: HotKey[] };
    return Date.parse(body.asOf) >= endMs ? body : null;
  });
  for (const [key, exact] of written) {
    const { lower, upper } =
      hotKeys.keys.find((hot) => hot.key === key)?.count ?? assert.fail(`${key} is not listed`);
    assert.ok(upper !== null && lower <= exact && exact <= upper, `${key}: ${lower} <= ${exact} <= ${upper}`);
    assert.ok(upper - lower <= exact / 100, `${key}: ${lower} to ${upper} is wide`);
  }
  const pages = pagesAt(hook);
  const pagedKeys = pages.map(({ incident }) => incident.key).sort();
  assert.deepEqual(
    pagedKeys,
    Array.from({ length: ONSETS }, (_, n) => `sale:${n}`),
  );
  for (const { event, request } of pages) {
    assert.notEqual(event, "incident.resolved");
    assertSigned(request, secret);
  }
  t.diagnostic(`crossing to webhook: ${delaysMs.join(", ")} ms`);
  assert.ok(Math.max(...delaysMs) <= PAGE_MS_MAX, `crossing to webhook: ${delaysMs.join(", ")} ms`);
  await assertAccounted(keyheat);
});

test("receivers that fail, hang or refuse the connection hold up no other, and lose no notification", async (t) => {
  const server = await startRedis(t);
  const sound = await startWebhook(t);
  const failing = await startWebhook(t, (_, n) => ({ status: n < 2 ? 500 : 200 }));
  const hanging = await startWebhook(t, (_, n) => (n === 0 ? "hang" : { status: 200 }));
  const refusing = await startWebhook(t);
  await refusing.refuse();
  const webhooks = { failing, hanging, refusing, sound };
  const keyheat = await startKeyheat(
    t,
    server,
    Object.fromEntries(Object.entries(webhooks).map(([name, { url }]) => [name, { url }])),
  );

  const { crossedMs } = await overheat(server, "sale:1");
  const [first] = await sound.received(1);
  const delayMs = (first?.atMs ?? 0) - crossedMs;
  assert.ok(delayMs <= PAGE_MS_MAX, `the sound receiver was paged after ${delayMs} ms`);
  await refusing.listen();

  // The hanging one is given up after 10 s and tried again.
  for (const [name, webhook] of Object.entries(webhooks)) {
    const wanted = { failing: 3, hanging: 2 }[name] ?? 1;
    const requests = await webhook.received(wanted, { timeoutMs: 20_000 });
    assert.equal(requests.length, wanted, `requests at ${name}`);
    assert.equal(new Set(requests.map(({ headers }) => headers["webhook-id"])).size, 1, `ids at ${name}`);
    for (const { incident } of pagesAt(webhook)) assert.equal(incident.key, "sale:1");
  }
  const notified = await waitFor("the notification log", () => {
    const [incident] = keyheat.views.incidents({ limit: 1 });
    return incident?.notified.length === 4 ? incident.notified : null;
  });
  assert.deepEqual(notified.map(({ receiver, outcome }) => `${receiver} ${outcome}`).sort(), [
    "failing delivered",
    "hanging delivered",
    "refusing delivered",
    "sound delivered",
  ]);
  await assertAccounted(keyheat);
});
