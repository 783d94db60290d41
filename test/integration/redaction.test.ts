import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { IncidentJson } from "../../src/model/incident-json.ts";
import { redactedKey } from "../../src/model/redacted-key.ts";
import { slotOf } from "../../src/model/slot.ts";
import { type HotKey, type Keyheat, startKeyheat } from "../support/keyheat.ts";
import { command, load, startRedis, type TestServer, waitFor } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startWebhook } from "../support/webhook.ts";

const EVENTS_ON = ["--notify-keyspace-events", "AKEm"];
const SECRET = "it is the same at every agent";

/** What varies in each key is nowhere else. */
const USER = "user:481516234:profile";
const OTHER_USER = "user:423161589:profile";
const IGNORED = "lock:918273645";
const REPORTED = "cart:567891234";
const VARYING = ["481516234", "423161589", "918273645", "567891234"];

const LABELS = {
  template: { user: "user:{n}:profile", cart: "cart:{n}" },
  hash: { user: "user:", cart: "cart:" },
} as const;

function shown(label: string, key: string): string {
  const identity = createHmac("sha256", SECRET).update(key).digest("hex");
  return `${label}~${identity.slice(0, 8)}`;
}

/** A folder of the test's own, for its secret and its data. */
function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "keyheat-redaction-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "redact.key"), `${SECRET}\n`);
  return folder;
}

function settingsOf(folder: string, mode: "hash" | "template") {
  return { redact: { mode, keyFile: join(folder, "redact.key") } };
}

/** The bytes of a file, one character each. */
function textOf(file: string): string {
  return readFileSync(file).toString("latin1");
}

/** Reads the stream until it has told of an incident and of hot keys. */
async function streamed(keyheat: Keyheat): Promise<string> {
  const abort = new AbortController();
  const { body } = await fetch(`${keyheat.standalone.url}/api/v1/stream`, { signal: abort.signal });
  assert.ok(body);
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.includes("event: incident") && text.includes('"rank":1')) break;
  }
  abort.abort();
  return text;
}

/** Reads a key, and reports that as a client does. */
async function read(server: TestServer, keyheat: Keyheat, reads: number): Promise<void> {
  await load(server.port, reads, () => ["GET", REPORTED]);
  const endMs = Date.now() - (Date.now() % 1000);
  const samples = [{ key: REPORTED, reads }];
  const batch = { service: "web", instance: "web-1", seq: 1, startMs: endMs - 1000, endMs, samples };
  const response = await fetch(`${keyheat.standalone.url}/v1/samples`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(batch),
  });
  assert.equal(response.status, 202);
}

async function write(server: TestServer): Promise<void> {
  const touches = [...Array(3000).fill(USER), ...Array(1200).fill(OTHER_USER), ...Array(900).fill(IGNORED)];
  await load(server.port, touches.length, (i) => ["SET", touches[(i * 7) % touches.length] ?? "", "v"], 2000);
}

for (const mode of ["template", "hash"] as const) {
  test(`in mode ${mode} counts are exact, rules fire, and no key leaves the agent`, async (t) => {
    const folder = makeFolder(t);
    const server = await startRedis(t, { args: EVENTS_ON });
    const hook = await startWebhook(t);
    const keyheat = await startKeyheat(t, {
      redisUrls: [server.url],
      dataDir: folder,
      file: {
        ...settingsOf(folder, mode),
        ignore: ["lock:*"],
        rules: [
          { name: "users", type: "rate", window: "2s", threshold: "100/s", match: { key: "user:*" } },
          { name: "carts", type: "rate", window: "2s", threshold: "1/s", match: { key: "lock:*" } },
        ],
        receivers: [
          { name: "hook", webhook: { url: hook.url } },
          { name: "log", log: {} },
        ],
      },
    });
    await keyheat.ready();
    await command(server.port, ["SET", REPORTED, "v"]);
    await keyheat.watches();
    const stream = streamed(keyheat);
    await Promise.all([write(server), read(server, keyheat, 120)]);

    const { user, cart } = LABELS[mode];
    const row = await keyheat.counts(shown(user, USER), 3000);
    assert.deepEqual([row.pattern, row.keyEncoding, row.cut, row.count.upper], [user, "utf8", false, null]);
    assert.deepEqual(row.commands, { set: 3000 });
    await keyheat.counts(shown(user, OTHER_USER), 1200);
    await waitFor("what was reported", async () => {
      const reported = await keyheat.hotkey(shown(cart, REPORTED));
      return reported?.vantages.read === "clients" && reported.pattern === cart;
    });
    assert.equal((await keyheat.hotkeys()).keys.length, 3);

    const incidents = await waitFor("both incidents, with facts", async () => {
      const { incidents } = await keyheat.api<{ incidents: IncidentJson[] }>("incidents");
      return incidents.length > 1 && incidents.every(({ facts }) => facts?.type === "string") && incidents;
    });
    assert.deepEqual(
      new Set(incidents.map(({ rule, key, pattern }) => `${rule} ${key} ${pattern}`)),
      new Set([USER, OTHER_USER].map((key) => `users ${shown(user, key)} ${user}`)),
    );
    const bodies = await waitFor("both to be told", () => {
      const text = hook.requests.map(({ body }) => body.toString()).join("\n");
      return [USER, OTHER_USER].every((key) => text.includes(shown(user, key))) && text;
    });

    const history = await keyheat.get("/api/v1/history");
    assert.ok(history.text.includes(shown(user, USER)), history.text);
    const metrics = await keyheat.get("/metrics");
    assert.ok(metrics.text.includes(`key="${shown(user, USER)}"`), metrics.text);
    const hotkeys = await keyheat.get("/api/v1/hotkeys?limit=1000");
    const told = [bodies, history.text, metrics.text, hotkeys.text, JSON.stringify(incidents), await stream];
    await keyheat.stop();
    const log = JSON.stringify(keyheat.log);
    assert.ok(log.includes(shown(user, USER)), "the log names no key");
    const files = readdirSync(folder).filter((name) => name !== "redact.key");
    assert.ok(files.length > 0, "nothing was stored");
    told.push(log, ...files.map((name) => textOf(join(folder, name))));
    for (const text of told) {
      for (const part of [...VARYING, SECRET]) assert.ok(!text.includes(part), `${part} is in ${text}`);
      for (const key of [USER, OTHER_USER, IGNORED, REPORTED]) {
        assert.ok(!text.includes(Buffer.from(key).toString("base64")), `${key} is in ${text}`);
      }
    }
  });
}

test("in a Redis Cluster redacted keys keep their slots, targets and counts", async (t) => {
  const folder = makeFolder(t);
  const cluster = await startRedisCluster(t, { replicas: 0, args: EVENTS_ON });
  const keyheat = await startKeyheat(t, {
    redisUrls: cluster.primaries.map(({ server }) => server.url),
    file: settingsOf(folder, "template"),
  });
  await keyheat.ready();
  await keyheat.watches();
  const keys = Array.from({ length: 12 }, (_, i) => `user:${1000 + i}`);
  await Promise.all(
    keys.map((key, i) => load(cluster.primaryOf(key).server.port, 100 + i, () => ["INCR", key])),
  );
  const expected = keys.map((key, i) =>
    JSON.stringify([
      shown("user:{n}", key),
      slotOf(Buffer.from(key)),
      cluster.primaryOf(key).address,
      100 + i,
    ]),
  );
  await waitFor("all counts", async () => {
    const { keys: rows } = await keyheat.api<{ keys: (HotKey & { slot: number })[] }>(
      "hotkeys?window=60s&limit=1000",
    );
    assert.deepEqual(
      rows.map(({ key, slot, target, count }) => JSON.stringify([key, slot, target, count.lower])).sort(),
      expected.sort(),
    );
    return true;
  });
});

test("without redaction a key with the form of a redacted one is counted, and harms no other", async (t) => {
  const cluster = await startRedisCluster(t, { replicas: 0, args: EVENTS_ON });
  const keyheat = await startKeyheat(t, { redisUrls: cluster.primaries.map(({ server }) => server.url) });
  await keyheat.ready();
  await keyheat.watches();
  const [first, last] = [cluster.primaries[0], cluster.primaries.at(-1)];
  assert.ok(first && last);
  // It claims a slot of another server than its own.
  const slot = last.slots[0]?.[0];
  assert.ok(slot !== undefined);
  const posed = posedKey(slot, (key) => cluster.primaryOf(key) === first);
  const plain = "user:1";
  await load(first.server.port, 300, () => ["SET", posed, "v"]);
  await load(cluster.primaryOf(plain).server.port, 200, () => ["SET", plain, "v"]);
  const row = await keyheat.counts("user:{n}~00000000", 300);
  assert.equal((row as HotKey & { slot: number }).slot, slot);
  const other = await keyheat.counts(plain, 200);
  assert.equal(other.target, cluster.primaryOf(plain).address);
});

/** A real key in the form of a redacted one of `slot`. */
function posedKey(slot: number, fits: (key: Uint8Array) => boolean): Buffer {
  const identity = new Uint8Array(8);
  for (let last = 0; last < 256; last++) {
    identity[7] = last;
    const key = Buffer.from(redactedKey({ slot, identity, label: "user:{n}" }));
    if (fits(key)) return key;
  }
  return assert.fail("no such key");
}

test("the recipe of docs/redaction.md finds a key by the digits that are shown of it", (t) => {
  const page = readFileSync(new URL("../../docs/redaction.md", import.meta.url), "utf8");
  const [, script = ""] = /```js\n(.*?)```/s.exec(page) ?? [];
  const folder = makeFolder(t);
  writeFileSync(join(folder, "find-key.mjs"), script);
  const keys = [OTHER_USER, USER, "größe:1", ""];
  for (const key of keys.slice(0, 3)) {
    const digits = shown("", key).slice(1);
    const input = keys.join("\n");
    const args = [join(folder, "find-key.mjs"), digits, join(folder, "redact.key")];
    assert.equal(execFileSync(process.execPath, args, { input, encoding: "utf8" }), `${key}\n`);
  }
});
