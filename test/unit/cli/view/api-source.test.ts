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
  pattern: "product:{n}:stock",
  ratePerSecond: { read: 0, write: 6000, miss: 0, total: 6000 },
  currentRatePerSecond: 6100,
  count: { estimate: 60_000, lower: 59_990, upper: 60_020 },
  shareOfTarget: 0.5,
  vantages: { write: "server-events" },
  commands: { set: 100, incrby: 59_900 },
  services: {},
  absorbedPerSecond: 0,
  bytesPerSecond: null,
  suspect: false,
};

const INCIDENT = {
  id: "i1",
  cluster: "default",
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
  measure: { unit: "accesses/s", value: 6000, threshold: 1000, baseline: null },
  facts: null,
  advice: [],
  muted: null,
};

const ASK = { keysMax: 50 };

const TARGET = {
  cluster: "default",
  target: "127.0.0.1:6379",
  role: "primary",
  state: "seen",
  kinds: { read: { ratio: null }, write: { ratio: 0.998 } },
  sources: [],
};

const HOT_KEYS = {
  cluster: "default",
  windowSeconds: 10,
  asOf: "2026-11-23T17:00:10.000Z",
  complete: true,
  keys: [KEY],
};

const BODIES: Readonly<Record<string, unknown>> = {
  "/api/v1/hotkeys": HOT_KEYS,
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
  const scene = await new ApiSource({ url: await serve(t, answering(bodies)) }).read(ASK);
  assert.equal(scene.incidents[0]?.label, "10.0.0.1:6379");
  assert.deepEqual(scene.keys[0]?.incidents, []);
});

const INCIDENT_ROW = {
  id: "i1",
  label: "product:4711:stock",
  rule: "hot-key",
  severity: "warning",
  status: "firing",
  startedAtMs: Date.UTC(2026, 10, 23, 17),
  resolvedAtMs: null,
  ratePerSecond: 6000,
  peakRatePerSecond: 6100,
  measure: INCIDENT.measure,
  facts: null,
  advice: [],
  muted: null,
};

test("a scene is what the API says, with the margin from the bounds and the target's rate from the share", async (t) => {
  const scene = await new ApiSource({ url: await serve(t, answering(BODIES)) }).read(ASK);
  assert.deepEqual(
    { ...scene, atMs: 0 },
    {
      atMs: 0,
      asOfMs: Date.UTC(2026, 10, 23, 17, 0, 10),
      windowMs: 10_000,
      complete: true,
      accessesPerSecond: 12_000,
      targets: [
        { target: "127.0.0.1:6379", role: "primary", state: "seen", coverage: { read: null, write: 0.998 } },
      ],
      keys: [
        {
          id: "2 utf8 product:4711:stock",
          rank: 1,
          label: "product:4711:stock",
          text: "product:4711:stock",
          isCut: false,
          pattern: "product:{n}:stock",
          db: 2,
          slot: null,
          target: "127.0.0.1:6379",
          ratePerSecond: 6000,
          currentPerSecond: 6100,
          count: KEY.count,
          marginPerSecond: 2,
          share: 0.5,
          mix: KEY.ratePerSecond,
          vantages: KEY.vantages,
          commands: [
            { name: "incrby", count: 59_900 },
            { name: "set", count: 100 },
          ],
          services: [],
          absorbedPerSecond: 0,
          bytesPerSecond: null,
          isSuspect: false,
          incidents: [INCIDENT_ROW],
        },
      ],
      incidents: [INCIDENT_ROW],
      problems: ["kafka is away"],
    },
  );
});

test("of several incidents of a key the worst comes first, and those that are over are not its own", async (t) => {
  const incidents = [
    { ...INCIDENT, id: "over", status: "resolved", resolvedAt: "2026-11-23T17:00:05.000Z" },
    { ...INCIDENT, id: "calming", status: "recovering" },
    { ...INCIDENT, id: "hot" },
  ];
  const bodies = { ...BODIES, "/api/v1/incidents": { incidents } };
  const scene = await new ApiSource({ url: await serve(t, answering(bodies)) }).read(ASK);
  assert.deepEqual(
    scene.keys[0]?.incidents.map(({ id }) => id),
    ["hot", "calming"],
  );
});

test("an incident of another cluster is no incident of this one's key, but it is shown, with its cluster", async (t) => {
  const other = { ...INCIDENT, cluster: "other" };
  const targets = [{ ...TARGET, cluster: "other", state: "blind" }];
  const bodies = {
    ...BODIES,
    "/api/v1/incidents": { incidents: [other] },
    "/api/v1/coverage": { targets },
  };
  const url = await serve(t, answering(bodies));
  const scene = await new ApiSource({ url }).read(ASK);
  assert.deepEqual(scene.keys[0]?.incidents, []);
  assert.equal(scene.incidents[0]?.label, "other: product:4711:stock");
  assert.equal(scene.targets[0]?.target, "other: 127.0.0.1:6379");
  const alone = await new ApiSource({ url, cluster: "default" }).read(ASK);
  assert.deepEqual([alone.incidents, alone.targets], [[], []]);
});

test("an incident that fires is there, however many have come and gone since", async (t) => {
  const resolvedAt = "2026-11-23T18:00:05.000Z";
  const gone = { ...INCIDENT, status: "resolved", startedAt: "2026-11-23T18:00:00.000Z", resolvedAt };
  const later = Array.from({ length: 100 }, (_, index) => ({
    ...gone,
    id: `gone${index}`,
    key: `k:${index}`,
  }));
  const url = await serve(t, (request, response) => {
    const isOfFiring = (request.url ?? "").includes("status=firing");
    const incidents = isOfFiring ? [INCIDENT] : later;
    answering({ ...BODIES, "/api/v1/incidents": { incidents } })(request, response);
  });
  const scene = await new ApiSource({ url }).read(ASK);
  assert.deepEqual(
    scene.keys[0]?.incidents.map(({ id }) => id),
    ["i1"],
  );
  assert.deepEqual([scene.incidents.length, scene.incidents.at(-1)?.id], [101, "i1"]);
});

test("members of a later version are kept, however deep they are", async (t) => {
  const later = { later: 1 };
  const ratePerSecond = { ...KEY.ratePerSecond, ...later };
  const hotKeys = { ...HOT_KEYS, keys: [{ ...KEY, ratePerSecond, vantages: later }] };
  const facts = { type: "string", bytes: 1, ttlSeconds: null, encoding: null, ...later };
  const advice = [{ remedy: "local-cache", why: "reads", url: "/docs", ...later }];
  const incident = { ...INCIDENT, measure: { ...INCIDENT.measure, ...later }, facts, advice };
  const bodies = {
    ...BODIES,
    "/api/v1/hotkeys": hotKeys,
    "/api/v1/incidents": { incidents: [incident] },
  };
  const read = await new ApiSource({ url: await serve(t, answering(bodies)) }).readBodies(ASK);
  assert.deepEqual([read.hotKeys, read.incidents.incidents], [hotKeys, [incident]]);
});

test("cluster, window and number of keys go along", async (t) => {
  const asked: string[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(request.url ?? "");
    answering(BODIES)(request, response);
  });
  await new ApiSource({ url, cluster: "a&b", window: "10000ms" }).read({ keysMax: 7 });
  assert.ok(asked.includes("/api/v1/hotkeys?limit=7&cluster=a%26b&window=10000ms"), asked.join("\n"));
});

test("keys of any bytes are labelled as everywhere, and an unknown upper bound stays unknown", async (t) => {
  const keys = [
    { ...KEY, key: Buffer.from([0xff, 0x0a]).toString("base64"), keyEncoding: "base64" },
    { ...KEY, key: "\u001b[2J", count: { estimate: 5, lower: 5, upper: null } },
    { ...KEY, db: 0 },
  ];
  const bodies = { ...BODIES, "/api/v1/hotkeys": { ...HOT_KEYS, keys } };
  const scene = await new ApiSource({ url: await serve(t, answering(bodies)) }).read(ASK);
  assert.deepEqual(
    scene.keys.map(({ label, marginPerSecond, incidents }) => [label, marginPerSecond, incidents]),
    [
      ["\\xff\\n", 2, []],
      ["\\u{1b}[2J", null, []],
      ["product:4711:stock", 2, []],
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
  assert.equal((await new ApiSource({ url, token: "secret" }).read(ASK)).keys.length, 1);
  await assert.rejects(new ApiSource({ url }).read(ASK), {
    message: `${url} answered 401: a token is needed (--token-file names the file with it)`,
  });
});

test("something else than the API, or nothing, is named as such", async (t) => {
  const url = await serve(t, answering({}));
  await assert.rejects(new ApiSource({ url }).read(ASK), /is not Keyheat's API/);
  await assert.rejects(
    new ApiSource({ url: "http://127.0.0.1:9" }).read(ASK),
    /^Error: no answer from http:\/\/127/,
  );
});

test("a server that never answers is given up", async (t) => {
  const url = await serve(t, () => {});
  await assert.rejects(new ApiSource({ url, timeoutMs: 50 }).read(ASK), /no answer from .*timeout/);
});

test("an answer that stops in the middle is told as such, not as that of something else", async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url?.startsWith("/api/v1/hotkeys") !== true) return answering(BODIES)(request, response);
    response.writeHead(200).write('{"cluster":');
  });
  await assert.rejects(
    new ApiSource({ url, timeoutMs: 100 }).read(ASK),
    /^Error: the answer of http:\/\/127\.0\.0\.1:\d+ broke off: .*timeout/,
  );
});
