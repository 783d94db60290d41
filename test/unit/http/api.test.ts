import assert from "node:assert/strict";
import { test } from "node:test";
import type { IncidentStatus } from "../../../src/model/incident.ts";
import { SimulatedClock } from "../../support/simulated-clock.ts";
import { AS_OF_MS, makeConfig, makeCoverage, makeHeat, makeIncident, makeViews } from "./fake-views.ts";
import { ask, startServer } from "./requests.ts";

test("hot keys come in the shape of the contract", async (t) => {
  const heat = makeHeat({
    slot: 10_778,
    counts: {
      read: { estimate: 0, lower: 0, upper: null, likely: null },
      write: { estimate: 50_123, lower: 50_120, upper: 50_123, likely: null },
      miss: { estimate: 0, lower: 0, upper: 0, likely: null },
      total: { estimate: 50_123, lower: 50_120, upper: null, likely: null },
    },
  } as Parameters<typeof makeHeat>[0]);
  const views = makeViews({ hotkeys: () => ({ asOfMs: AS_OF_MS, complete: false, heats: [heat] }) });
  const { address } = await startServer(t, { views });
  const reply = await ask(`${address}/api/v1/hotkeys`);
  assert.equal(reply.status, 200);
  assert.match(reply.headers["content-type"] ?? "", /^application\/json/);
  assert.deepEqual(reply.json(), {
    cluster: "default",
    windowSeconds: 10,
    asOf: "2026-11-23T17:00:00.000Z",
    complete: false,
    keys: [
      {
        rank: 1,
        key: "user:1",
        keyEncoding: "utf8",
        cut: false,
        db: 0,
        slot: 10_778,
        target: "127.0.0.1:6379",
        pattern: "user:{n}",
        ratePerSecond: { read: 0, write: 5012.3, miss: 0, total: 5012.3 },
        currentRatePerSecond: 5100,
        count: { estimate: 50_123, lower: 50_120, upper: null },
        shareOfTarget: 0.62,
        vantages: { write: "server-events" },
        commands: { set: 50_123 },
        services: {},
        absorbedPerSecond: 0,
        bytesPerSecond: null,
        suspect: false,
      },
    ],
  });
});

test("the count of a key that was sampled says what is likely, rounded outwards", async (t) => {
  const likely = { lower: 559.5, upper: 1100.5 };
  const total = { estimate: 799.6, lower: 100, upper: null, likely };
  const { counts } = makeHeat();
  const heat = { ...makeHeat(), counts: { ...counts, total } };
  const views = makeViews({ hotkeys: () => ({ asOfMs: AS_OF_MS, complete: false, heats: [heat] }) });
  const { address } = await startServer(t, { views });
  const { keys } = (await ask(`${address}/api/v1/hotkeys`)).json() as { keys: { count: object }[] };
  const shown = { lower: 559, upper: 1101 };
  assert.deepEqual(keys[0]?.count, { estimate: 800, lower: 100, upper: null, likely: shown });
});

test("keys that are no UTF-8 come in base64, and keys of more than 1 KiB are cut", async (t) => {
  const binary = Buffer.from([0x61, 0xff, 0x0a]);
  const long = Buffer.concat([Buffer.alloc(1024, "k"), Buffer.alloc(10, 7)]);
  const heats = [makeHeat({ key: binary }), makeHeat({ key: long }), makeHeat({ key: "" })];
  const views = makeViews({ hotkeys: () => ({ asOfMs: AS_OF_MS, complete: true, heats }) });
  const { address } = await startServer(t, { views });
  const { keys } = (await ask(`${address}/api/v1/hotkeys`)).json();
  assert.deepEqual(
    keys.map(({ rank, key, keyEncoding, cut }: Record<string, unknown>) => [rank, key, keyEncoding, cut]),
    [
      [1, binary.toString("base64"), "base64", false],
      [2, "k".repeat(1024), "utf8", true],
      [3, "", "utf8", false],
    ],
  );
});

test("the cluster, window and limit of the query reach the view", async (t) => {
  const asked: unknown[] = [];
  const views = makeViews({
    coverage: () => [makeCoverage({ cluster: "shop" })],
    hotkeys: (...args) => {
      asked.push(args);
      return { asOfMs: 0, complete: false, heats: [] };
    },
  });
  const clock = new SimulatedClock(AS_OF_MS + 5000);
  const { address } = await startServer(t, { views, clock });
  const reply = await ask(`${address}/api/v1/hotkeys?cluster=shop&window=1m&limit=7`);
  assert.equal(reply.json().cluster, "shop");
  assert.equal(reply.json().windowSeconds, 60);
  assert.equal(reply.json().asOf, "2026-11-23T17:00:05.000Z");
  await ask(`${address}/api/v1/hotkeys?cluster=&window=60s&limit=`);
  await ask(`${address}/api/v1/hotkeys`);
  assert.deepEqual(asked, [
    ["shop", 60_000, 7],
    ["default", 60_000, 50],
    ["default", 10_000, 50],
  ]);
});

test("a query that cannot be meant is refused by the name of its parameter", async (t) => {
  const { address } = await startServer(t);
  for (const [path, field, message] of [
    ["hotkeys?window=30s", "window", /expected one of 10s, 60s/],
    ["hotkeys?window=10", "window", /expected a duration/],
    ["hotkeys?limit=0", "limit", /from 1 to 1000/],
    ["hotkeys?limit=1001", "limit", /from 1 to 1000/],
    ["hotkeys?limit=1e2", "limit", /from 1 to 1000/],
    ["hotkeys?limit=1&limit=2", "limit", /more than once/],
    ["hotkeys?cluster=nowhere", "cluster", /expected one of default/],
    ["hotkeys?top=3", "top", /expected cluster, window, limit/],
    ["hotkeys?__proto__=3", "__proto__", /unknown query parameter/],
    ["incidents?status=hot", "status", /pending, firing, recovering, resolved/],
    ["incidents?limit=x", "limit", /from 1 to 1000/],
    ["coverage?target=x", "target", /takes none/],
    ["history?from=yesterday", "from", /expected a time/],
    ["history?from=2026-11-31T00:00:00Z", "from", /expected a time/],
    ["history?from=2026-11-23T17:00:00Z&to=2026-11-23T16:00:00Z", "from", /before that of to/],
    ["history?keyEncoding=hex", "keyEncoding", /utf8, base64/],
    ["stream?window=10s", "window", /expected cluster/],
  ] as const) {
    const reply = await ask(`${address}/api/v1/${path}`);
    assert.equal(reply.status, 400, path);
    const { error } = reply.json();
    assert.deepEqual([error.code, error.path], ["BAD_QUERY", field], path);
    assert.match(error.message, message, path);
  }
});

test("incidents are listed by status and limit", async (t) => {
  const asked: { status?: IncidentStatus; limit: number }[] = [];
  const base = makeViews();
  const views = makeViews({
    incidents: (query) => {
      asked.push(query);
      return base.incidents(query);
    },
  });
  const { address } = await startServer(t, { views });
  const reply = await ask(`${address}/api/v1/incidents?status=firing&limit=3`);
  await ask(`${address}/api/v1/incidents`);
  assert.deepEqual(asked, [{ status: "firing", limit: 3 }, { limit: 100 }]);
  const [incident] = reply.json().incidents;
  assert.deepEqual(
    [incident.id, incident.key, incident.status, incident.startedAt],
    ["i-1", "user:1", "firing", "2026-11-23T17:00:00.000Z"],
  );
});

test("coverage comes in the shape of the contract", async (t) => {
  const { address } = await startServer(t, { clock: new SimulatedClock(AS_OF_MS) });
  assert.deepEqual((await ask(`${address}/api/v1/coverage`)).json(), {
    asOf: "2026-11-23T17:00:00.000Z",
    targets: [
      {
        cluster: "default",
        target: "127.0.0.1:6379",
        role: "primary",
        state: "seen",
        kinds: {
          read: { ran: 1000, observed: 500, ratio: 0.5, vantage: "clients" },
          write: { ran: null, observed: 0, ratio: null, vantage: null },
        },
        sources: [
          {
            source: "keyspace",
            state: "up",
            since: "2026-11-23T17:00:00.000Z",
            gaps: 0,
            probability: 1,
            reason: null,
          },
        ],
      },
    ],
  });
});

test("the history grows by the second, and can be asked for one key", async (t) => {
  const clock = new SimulatedClock(AS_OF_MS);
  const views = makeViews({
    hotkeys: (cluster) => ({
      asOfMs: clock.now(),
      complete: true,
      heats:
        cluster === "default" ? [makeHeat({ key: Buffer.from([0xff]), writes: 20_000 }), makeHeat()] : [],
    }),
  });
  const config = { ...makeConfig(), targets: [{ cluster: "shop" }] };
  const { address } = await startServer(t, { config, views, clock });
  clock.advance(61_000);
  const reply = await ask(`${address}/api/v1/history?limit=1`);
  const hottest = {
    cluster: "default",
    db: 0,
    key: "user:1",
    keyEncoding: "utf8",
    ratePerSecond: 5012.3,
    peakRatePerSecond: 5100,
  };
  assert.deepEqual(reply.json(), {
    stepSeconds: 60,
    points: [
      { at: "2026-11-23T17:00:00.000Z", keys: [hottest] },
      { at: "2026-11-23T17:01:00.000Z", keys: [hottest] },
    ],
  });
  const other = await ask(
    `${address}/api/v1/history?key=%2Fw%3D%3D&keyEncoding=base64&to=2026-11-23T17:00:59Z`,
  );
  assert.deepEqual(
    other
      .json()
      .points.map(({ keys }: { keys: { key: string; ratePerSecond: number }[] }) =>
        keys.map(({ key, ratePerSecond }) => [key, ratePerSecond]),
      ),
    [[["/w==", 2000]]],
  );
});

test("one incident is found by its id, with how hot it was lately; another is refused in the common shape", async (t) => {
  const { address } = await startServer(t);
  const found = await ask(`${address}/api/v1/incidents/i-1`);
  assert.equal(found.status, 200);
  const { incidents } = (await ask(`${address}/api/v1/incidents`)).json() as { incidents: object[] };
  const { trail, ...rest } = found.json();
  assert.deepEqual(rest, incidents[0]);
  assert.deepEqual(trail, {
    stepSeconds: 5,
    lastAt: "2026-11-23T16:59:55.000Z",
    ratesPerSecond: [120, 5100],
  });
  for (const path of [
    "/api/v1/incidents/i-2",
    "/api/v1/incidents/%2e%2e",
    `/api/v1/incidents/${"i".repeat(90)}`,
  ]) {
    const refused = await ask(address + path);
    assert.equal(refused.status, 404, path);
    assert.deepEqual(Object.keys(refused.json().error), ["code", "message", "path"]);
    assert.equal(refused.json().error.code, "NOT_FOUND");
  }
  assert.equal((await ask(`${address}/api/v1/incidents/i-1?limit=1`)).json().error.code, "BAD_QUERY");
});

test("an incident of which nothing was seen yet has an empty trail", async (t) => {
  const views = makeViews({ incident: () => makeIncident({ trail: { lastMs: 0, rates: [] } }) });
  const { address } = await startServer(t, { views });
  const { trail } = (await ask(`${address}/api/v1/incidents/i-1`)).json();
  assert.deepEqual(trail, { stepSeconds: 5, lastAt: null, ratesPerSecond: [] });
});
