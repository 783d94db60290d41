import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { type TestContext, test } from "node:test";
import { ApiSource } from "../../../../src/cli/view/api-source.ts";

const KEY = {
  rank: 1,
  key: "product:4711:stock",
  keyEncoding: "utf8",
  cut: false,
  db: 2,
  slot: null,
  target: "127.0.0.1:6379",
  ratePerSecond: { read: 0, write: 6000, miss: 0, total: 6000 },
  currentRatePerSecond: 6100,
  count: { estimate: 60_000, lower: 59_990, upper: 60_020 },
  shareOfTarget: 0.5,
};

const INCIDENT = {
  id: "i1",
  rule: "hot-key",
  severity: "warning",
  key: "product:4711:stock",
  keyEncoding: "utf8",
  cut: false,
  db: 2,
  target: "127.0.0.1:6379",
  status: "firing",
  startedAt: "2026-11-23T17:00:00.000Z",
  resolvedAt: null,
  ratePerSecond: 6000,
  peakRatePerSecond: 6100,
};

const TARGET = {
  cluster: "default",
  target: "127.0.0.1:6379",
  role: "primary",
  state: "seen",
  kinds: { read: { ratio: null }, write: { ratio: 0.998 } },
  sources: [],
};

const BODIES: Readonly<Record<string, unknown>> = {
  "/api/v1/hotkeys": { cluster: "default", windowSeconds: 10, complete: true, keys: [KEY] },
  "/api/v1/incidents": { incidents: [INCIDENT] },
  "/api/v1/coverage": { targets: [TARGET] },
  "/readyz": { ready: true, degraded: ["kafka is away\n"] },
};

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
}

const answering =
  (bodies: Readonly<Record<string, unknown>>, status = 200): RequestListener =>
  (request, response) => {
    response.writeHead(status).end(JSON.stringify(bodies[(request.url ?? "").split("?")[0] ?? ""] ?? {}));
  };

test("an incident about a server as a whole is shown by the server's name", async (t) => {
  const blind = { ...INCIDENT, key: null, db: null, target: "10.0.0.1:6379", rule: "blind" };
  const bodies = { ...BODIES, "/api/v1/incidents": { incidents: [blind] } };
  const scene = await new ApiSource({ url: await serve(t, answering(bodies)) }).read();
  assert.equal(scene.incidents[0]?.label, "10.0.0.1:6379");
  assert.equal(scene.keys[0]?.incident, null);
});

test("a scene is what the API says, with the margin from the bounds and the target's rate from the share", async (t) => {
  const scene = await new ApiSource({ url: await serve(t, answering(BODIES)) }).read();
  assert.deepEqual(
    { ...scene, atMs: 0 },
    {
      atMs: 0,
      windowMs: 10_000,
      complete: true,
      accessesPerSecond: 12_000,
      targets: [
        { target: "127.0.0.1:6379", role: "primary", state: "seen", coverage: { read: null, write: 0.998 } },
      ],
      keys: [
        {
          label: "product:4711:stock",
          db: 2,
          ratePerSecond: 6000,
          marginPerSecond: 2,
          share: 0.5,
          mix: KEY.ratePerSecond,
          incident: "firing",
        },
      ],
      incidents: [
        {
          id: "i1",
          label: "product:4711:stock",
          rule: "hot-key",
          severity: "warning",
          status: "firing",
          startedAtMs: Date.UTC(2026, 10, 23, 17),
          resolvedAtMs: null,
          ratePerSecond: 6000,
          peakRatePerSecond: 6100,
        },
      ],
      problems: ["kafka is away"],
    },
  );
});

test("keys of any bytes are labelled as everywhere, and an unknown upper bound stays unknown", async (t) => {
  const keys = [
    { ...KEY, key: Buffer.from([0xff, 0x0a]).toString("base64"), keyEncoding: "base64" },
    { ...KEY, key: "\u001b[2J", count: { estimate: 5, lower: 5, upper: null } },
    { ...KEY, db: 0 },
  ];
  const bodies = { ...BODIES, "/api/v1/hotkeys": { windowSeconds: 10, complete: true, keys } };
  const scene = await new ApiSource({ url: await serve(t, answering(bodies)) }).read();
  assert.deepEqual(
    scene.keys.map(({ label, marginPerSecond, incident }) => [label, marginPerSecond, incident]),
    [
      ["\\xff\\n", 2, null],
      ["\\u{1b}[2J", null, null],
      ["product:4711:stock", 2, null],
    ],
  );
});

test("the token goes along, and a refusal is told in the server's words", async (t) => {
  const url = await serve(t, (request, response) => {
    const isKnown = request.headers.authorization === "Bearer secret";
    const bodies = isKnown ? BODIES : undefined;
    if (bodies !== undefined) answering(bodies)(request, response);
    else response.writeHead(401).end('{"error":{"code":"UNAUTHORIZED","message":"a token is needed"}}');
  });
  assert.equal((await new ApiSource({ url, token: "secret" }).read()).keys.length, 1);
  await assert.rejects(new ApiSource({ url }).read(), {
    message: `${url} answered 401: a token is needed (--token-file names the file with it)`,
  });
});

test("something else than the API, or nothing, is named as such", async (t) => {
  const url = await serve(t, answering({}));
  await assert.rejects(new ApiSource({ url }).read(), /is not Keyheat's API/);
  await assert.rejects(
    new ApiSource({ url: "http://127.0.0.1:9" }).read(),
    /^Error: no answer from http:\/\/127/,
  );
});

test("a server that never answers is given up", async (t) => {
  const url = await serve(t, () => {});
  await assert.rejects(new ApiSource({ url, timeoutMs: 50 }).read(), /no answer from .*timeout/);
});
