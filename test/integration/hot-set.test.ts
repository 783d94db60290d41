import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Redis } from "ioredis";
import { HotSet } from "../../src/client/hot-set.ts";
import { observe } from "../../src/client/index.ts";
import { Keyheat } from "../support/keyheat.ts";
import { PacedCalls } from "../support/paced-calls.ts";
import { startRedis, type TestServer } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const TERMS = { threshold: "300/s", lease: "5s" };

async function startKeyheat(t: TestContext, server: TestServer, file: object = {}): Promise<Keyheat> {
  const keyheat = new Keyheat();
  t.after(() => keyheat.stop());
  const sources = { keyspace: { configure: "ensure" } };
  const rules = [
    { name: "hot", type: "rate", window: "2s", threshold: "300/s", keepFiringFor: "1s", cooldown: "1s" },
  ];
  await keyheat.start({ redisUrls: [server.url], file: { sources, rules, hotSet: TERMS, ...file } });
  await keyheat.ready();
  await keyheat.watches();
  return keyheat;
}

/** An app of its own connection, observed, that listens to the hot set. */
function startApp(t: TestContext, server: TestServer, keyheat: Keyheat) {
  const redis = new Redis(server.url);
  const agent = keyheat.standalone.url;
  const observation = observe(redis, { service: "shop", agent });
  const hotSet = new HotSet({ agent });
  t.after(async () => {
    hotSet.close();
    await observation.stop();
    redis.disconnect();
  });
  return { redis, observation, hotSet };
}

/** Path of a file that holds a secret; it is gone with the test. */
function secretFile(t: TestContext, secret: string): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-secret-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "secret");
  writeFileSync(path, secret);
  return path;
}

async function statusOf(keyheat: Keyheat, key: string): Promise<string | undefined> {
  const { incidents } = await keyheat.api<{ incidents: { key: string; status: string }[] }>("incidents");
  return incidents.find((incident) => incident.key === key)?.status;
}

test("a key that an app reads hard is leased to it, stays so while a cache answers, and is let go when nobody wants it", async (t) => {
  const server = await startRedis(t);
  const keyheat = await startKeyheat(t, server);
  const { redis, observation, hotSet } = startApp(t, server, keyheat);
  await redis.set("flag:x", "on");
  await redis.set("calm", "yes");
  const startMs = performance.now();
  const reads = new PacedCalls(2000, (n) => redis.get(n % 100 === 0 ? "calm" : "flag:x"));
  await waitFor("the lease", () => hotSet.has("flag:x"));
  t.diagnostic(`leased ${Math.round(performance.now() - startMs)} ms after the first read`);
  assert.deepEqual([hotSet.keys(), hotSet.has("calm")], [["flag:x"], false]);
  await waitFor("the incident", async () => (await statusOf(keyheat, "flag:x")) === "firing");
  await reads.stop();
  const losses: unknown[] = [];
  hotSet.onChange(({ removed }) => losses.push(...removed));
  const cached = new PacedCalls(2000, async () => observation.record("flag:x", "absorbed"));
  await waitFor("the incident to end", async () => (await statusOf(keyheat, "flag:x")) === "resolved");
  // Two leases' length: without the reads that the cache answered it would have run out.
  await waitFor("two leases' length", () => performance.now() - startMs > 15_000);
  assert.deepEqual([hotSet.has("flag:x"), losses], [true, []]);
  assert.equal(await statusOf(keyheat, "flag:x"), "resolved");
  await cached.stop();
  await waitFor("the end of the lease", () => !hotSet.has("flag:x"));
  assert.equal(hotSet.state, "live");
});

test("made-up samples of a key lease it to nobody, unless the operator lets them", async (t) => {
  const server = await startRedis(t);
  for (const allowUncorroborated of [false, true]) {
    const keyheat = await startKeyheat(t, server, { hotSet: { ...TERMS, allowUncorroborated } });
    const { redis, hotSet } = startApp(t, server, keyheat);
    await redis.set("flag:x", "on");
    let posted = 0;
    const forge = new PacedCalls(5, async () => {
      const samples = [
        { key: "balance:7", reads: 10_000, absorbed: 10_000, target: `127.0.0.1:${server.port}` },
      ];
      const response = await fetch(`${keyheat.standalone.url}/v1/samples`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ service: "evil", samples }),
      });
      assert.equal(response.status, 202);
      posted++;
    });
    const reads = new PacedCalls(2000, () => redis.get("flag:x"));
    if (allowUncorroborated) {
      await waitFor("the made-up lease", () => hotSet.has("balance:7"));
    } else {
      await waitFor("the claims to be counted", async () => {
        const { keys } = await keyheat.api<{ keys: { key: string; suspect: boolean }[] }>(
          "hotkeys?window=2s",
        );
        return posted > 30 && keys.some(({ key, suspect }) => key === "balance:7" && suspect);
      });
      assert.equal(hotSet.has("balance:7"), false);
    }
    await forge.stop();
    await reads.stop();
    hotSet.close();
    await keyheat.stop();
  }
});

test("where keys are redacted, an app is told of the key that it uses, and nothing else shows it", async (t) => {
  const server = await startRedis(t);
  const keyFile = secretFile(t, "a secret of more than 16 bytes\n");
  const keyheat = await startKeyheat(t, server, { redact: { mode: "hash", keyFile } });
  const { redis, hotSet } = startApp(t, server, keyheat);
  await redis.set("user:42", "x");
  const reads = new PacedCalls(2000, () => redis.get("user:42"));
  await waitFor("the lease", () => hotSet.has("user:42"));
  await reads.stop();
  const { keys } = await keyheat.api<{ keys: { key: string }[] }>("hotkeys?window=60s");
  assert.match(keys[0]?.key ?? "", /^user:~[0-9a-f]{8}$/);
});

test("the hot set wants the token where there is one", async (t) => {
  const server = await startRedis(t);
  const tokenFile = secretFile(t, "s3cret-s3cret-s3cret");
  const keyheat = new Keyheat();
  t.after(() => keyheat.stop());
  await keyheat.start({
    redisUrls: [server.url],
    file: { http: { listen: "127.0.0.1:0", auth: { tokenFile } } },
  });
  const { url } = keyheat.standalone;
  const stranger = new HotSet({ agent: url });
  const known = new HotSet({ agent: { url, token: "s3cret-s3cret-s3cret" } });
  t.after(() => {
    stranger.close();
    known.close();
  });
  await waitFor("the stream", () => known.state === "live");
  await waitFor("the refusal", () => stranger.state === "away");
  assert.match(stranger.problem ?? "", /token/);
});
