import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { defaultConfig } from "../../../src/config/load.ts";
import type { ClusterLease } from "../../../src/http/hot-set.ts";
import { createAgentServer } from "../../../src/http/server.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";

const LEASE: ClusterLease = {
  cluster: "shop",
  db: 0,
  key: Buffer.from("flag:x"),
  leaseUntilMs: Date.UTC(2026, 10, 23),
  remedies: ["local-cache"],
  ratePerSecond: 5000,
};
const SHOWN = { cluster: "shop", db: 0, key: "flag:x", keyEncoding: "utf8" };

async function serve(t: TestContext) {
  let leases: readonly ClusterLease[] = [LEASE];
  const listeners = new Set<() => void>();
  const config = defaultConfig({ redisUrls: [] });
  const server = await createAgentServer({
    config: { http: { ...config.http, listen: { host: "127.0.0.1", port: 0 } } },
    probes: { readiness: () => ({ ready: true, reasons: [], degraded: [] }), prometheus: null },
    logger: silentLogger,
    hotSet: {
      leases: () => leases,
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  t.after(() => server.close());
  const change = (next: readonly ClusterLease[]) => {
    leases = next;
    for (const listener of listeners) listener();
  };
  return { url: server.address, change, listeners };
}

/** Events of a stream, as they come. */
async function* eventsOf(url: string): AsyncGenerator<[string, unknown]> {
  const response = await fetch(url);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (name !== undefined) yield [name, JSON.parse(data!)];
    }
  }
}

test("an agent serves the hot set: a snapshot first, then what changes, and nothing where nothing does", async (t) => {
  const { url, change } = await serve(t);
  const events = eventsOf(`${url}/v1/hotset`);
  const lease = {
    ...SHOWN,
    leaseUntil: "2026-11-23T00:00:00.000Z",
    remedies: ["local-cache"],
    ratePerSecond: 5000,
  };
  assert.deepEqual((await events.next()).value, ["snapshot", { version: 1, keys: [lease] }]);
  const other = { ...LEASE, key: Buffer.from([0xff]) };
  change([{ ...LEASE }]);
  change([LEASE, other]);
  const added = { ...lease, key: "/w==", keyEncoding: "base64" };
  assert.deepEqual((await events.next()).value, ["update", { add: [added], remove: [] }]);
  change([other]);
  assert.deepEqual((await events.next()).value, ["update", { add: [], remove: [SHOWN] }]);
  await events.return(undefined);
});

test("an agent has probes but no API, and lets go of the hot set when it closes", async (t) => {
  const { url, listeners } = await serve(t);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  assert.equal((await fetch(`${url}/api/v1/hotkeys`)).status, 404);
  assert.equal((await fetch(`${url}/v1/samples`, { method: "POST" })).status, 404);
  assert.equal(listeners.size, 1);
});
