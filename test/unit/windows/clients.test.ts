import assert from "node:assert/strict";
import { test } from "node:test";
import type { PartFields, Row } from "../../support/parts.ts";
import { makeReport } from "../../support/parts.ts";
import { at, keyOf, setUp } from "./setup.ts";

const TARGET = "10.0.0.1:6379";

/** Windows over ten seconds in which `claims` come from clients and `events` from the server. */
function overTenSeconds(options: {
  readonly claims?: readonly Row[];
  readonly client?: PartFields;
  readonly events?: readonly Row[];
  readonly ran?: { readonly read: number | null; readonly write: number | null };
}) {
  const setup = setUp();
  const { claims = [], client = {}, events = [], ran = { read: null, write: null } } = options;
  setup.windows.expect(makeReport({ atMs: at(-1) }));
  for (let second = 0; second < 10; second++) {
    const totals = { observed: { read: 0, write: 0, miss: 0 }, ran };
    setup.add(second, { rows: events, totals });
    setup.add(second, {
      vantage: "clients",
      sees: ["read", "write", "miss"],
      complete: false,
      rows: claims,
      ...client,
    });
  }
  setup.windows.advance(at(12));
  return setup;
}

test("reads come from clients and writes from the server, with the services and commands of both", () => {
  const { closed } = overTenSeconds({
    claims: [
      { key: "a", read: 100, write: 48, services: { shop: 120, web: 28 }, commands: { get: 100, set: 48 } },
    ],
    events: [{ key: "a", write: 50, commands: { set: 45, incrby: 5 } }],
  });
  const heat = closed("a");
  assert.deepEqual(heat.vantages, { read: "clients", write: "server-events", miss: "server-events" });
  assert.deepEqual([heat.counts.read.estimate, heat.counts.write.estimate], [1000, 500]);
  assert.deepEqual(
    [heat.counts.read.upper, heat.counts.write.upper, heat.counts.total.upper],
    [null, 500, null],
  );
  assert.deepEqual(heat.services, { shop: 1200, web: 280 });
  assert.deepEqual(heat.commands, { get: 1000, set: 480, incrby: 50 });
});

test("samples of several agents are different accesses, and are added", () => {
  const { closed, add } = overTenSeconds({ claims: [{ key: "a", read: 100 }] });
  for (let second = 0; second < 10; second++) {
    const rows = [{ key: "a", read: 7 }];
    const part = { agent: "agent-b", vantage: "clients", sees: ["read"], complete: false, rows } as const;
    add(second, part, at(12));
  }
  assert.equal(closed("a").counts.read.lower, 1070);
});

test("absorbed reads are demand beside the load, also of a key that caches answer alone", () => {
  const { closed } = overTenSeconds({
    claims: [
      { key: "a", read: 100, absorbed: 900, bytes: 5000 },
      { key: "b", absorbed: 300 },
    ],
  });
  assert.deepEqual(
    [closed("a").counts.total.lower, closed("a").absorbed, closed("a").bytes],
    [1000, 9000, 50_000],
  );
  assert.deepEqual(
    [closed("b").counts.total.lower, closed("b").absorbed, closed("b").bytes],
    [0, 3000, null],
  );
});

test("claims are held to what the server ran, and a pane more, and are suspect", () => {
  const { closed } = overTenSeconds({
    claims: [{ key: "a", read: 100_000, miss: 50_000 }],
    events: [{ key: "a", write: 3 }],
    ran: { read: 50, write: 5 },
  });
  const heat = closed("a");
  assert.equal(heat.suspect, true);
  assert.deepEqual([heat.counts.read.lower, heat.counts.miss.lower], [11 * 50, 11 * 25]);
  assert.ok(heat.currentRatePerSecond <= 60, `${heat.currentRatePerSecond} accesses a second now`);
});

test("keys of scripts are claimed as written, though they may only be read: reads count as room for them", () => {
  const { closed } = overTenSeconds({ claims: [{ key: "a", write: 100_000 }], ran: { read: 50, write: 5 } });
  assert.deepEqual([closed("a").suspect, closed("a").counts.write.lower], [true, 11 * 55]);
});

test("all that is claimed at a server together is held to what it ran", () => {
  const claims = Array.from({ length: 100 }, (_, i) => ({ key: `key:${i}`, read: 1000 }));
  const { closed } = overTenSeconds({ claims, ran: { read: 900, write: 100 } });
  const heats = claims.map(({ key }) => closed(key));
  const sum = heats.reduce((total, { counts }) => total + counts.total.lower, 0);
  assert.ok(sum <= 11 * 1000 && sum > 10 * 1000, `${sum}`);
  assert.ok(heats.every(({ suspect }) => suspect));
});

test("what the server saw itself of a key is not too much to claim, whatever its counters say", () => {
  const { closed } = overTenSeconds({
    // RPOPLPUSH q q: one call, two writes.
    claims: [{ key: "q", write: 200 }],
    events: [{ key: "q", write: 200 }],
    ran: { read: 0, write: 100 },
  });
  assert.equal(closed("q").counts.write.lower, 2000);
});

test("a sample without a place takes no limit away", () => {
  const setup = overTenSeconds({ claims: [{ key: "a", read: 100_000 }], ran: { read: 50, write: 0 } });
  const part = { vantage: "clients", target: "", sees: ["read"], complete: false } as const;
  setup.add(9, { ...part, rows: [{ key: "zzz", read: 1 }] }, at(12));
  const heat = setup.closed("a");
  assert.ok(heat.suspect && heat.counts.read.lower <= 550, JSON.stringify(heat.counts.read));
});

test("a key is told of where it is hottest", () => {
  const { windows, add } = setUp();
  const busy = { target: "10.0.0.1:6379", rows: [{ key: "a", write: 2000 }] };
  add(0, busy);
  add(0, { target: "10.0.0.2:6379", rows: [{ key: "a", write: 1 }] });
  const running = windows.running("default", windows.handleOf(keyOf("a"))!, 10_000);
  assert.equal(running.target, "10.0.0.1:6379");
});

test("claims within what the server ran are not suspect, and none are where it tells nothing", () => {
  const within = overTenSeconds({ claims: [{ key: "a", read: 52 }], ran: { read: 50, write: 5 } }).closed(
    "a",
  );
  assert.deepEqual([within.suspect, within.counts.read.lower], [false, 520]);
  const unknown = overTenSeconds({ claims: [{ key: "a", read: 100_000 }] }).closed("a");
  assert.deepEqual([unknown.suspect, unknown.counts.read.lower], [false, 1_000_000]);
});

test("what sampling may add is not suspect", () => {
  const { closed } = overTenSeconds({
    claims: [{ key: "a", read: 14 }],
    client: { probability: 0.25 },
    ran: { read: 50, write: 0 },
  });
  const heat = closed("a");
  assert.equal(heat.suspect, false);
  assert.ok(heat.counts.read.estimate <= 11 * 50 && heat.counts.read.estimate > 10 * 50);
});

test("a claim on an open pane waits for the server's word on it", () => {
  const { windows, add } = setUp();
  const ran = (read: number) => ({ observed: { read: 0, write: 0, miss: 0 }, ran: { read, write: 0 } });
  add(0, { rows: [{ key: "b", write: 1 }], totals: ran(10) });
  const claim = { vantage: "clients", sees: ["read"], complete: false, closing: false } as const;
  add(1, { ...claim, rows: [{ key: "a", read: 5000 }] }, at(1.5));
  const running = () => windows.running("default", windows.handleOf(keyOf("a"))!, 10_000);
  assert.deepEqual([running().counts.read.lower, running().suspect], [20, false]);
  add(1, { rows: [{ key: "b", write: 1 }], totals: ran(5200) });
  assert.deepEqual([running().counts.read.lower, running().suspect], [5000, false]);
});

test("a report tells what ran where no source at the server sends parts", () => {
  const { windows, add } = setUp();
  const pane = (second: number) => ({ startMs: at(second), lengthMs: 1000 });
  windows.expect(makeReport({ atMs: at(1), pane: pane(0), ran: { read: 40, write: 0 }, sources: [] }));
  add(0, { vantage: "clients", sees: ["read"], complete: false, rows: [{ key: "a", read: 1_000_000 }] });
  const heat = windows.running("default", windows.handleOf(keyOf("a"))!, 10_000);
  assert.deepEqual([heat.counts.read.lower, heat.suspect], [80, true]);
});

test("what clients cannot place counts for the key, and for no share", () => {
  const { closed } = overTenSeconds({
    claims: [{ key: "a", read: 100 }],
    client: { target: "" },
    ran: { read: 200, write: 0 },
  });
  const heat = closed("a");
  assert.deepEqual([heat.counts.read.lower, heat.target, heat.shareOfTarget], [1000, null, null]);
});

test("the share of a key that clients read is of what its server ran", () => {
  const { closed } = overTenSeconds({ claims: [{ key: "a", read: 100 }], ran: { read: 180, write: 20 } });
  assert.deepEqual([closed("a").target, closed("a").shareOfTarget], [TARGET, 0.5]);
});

test("the rate of now comes with early parts too, and agents add up when they close", () => {
  const { windows, add } = setUp();
  const of = (fields: PartFields) =>
    ({ vantage: "clients", sees: ["read"], complete: false, ...fields }) as const;
  const row = (rate: number) => [{ key: "a", read: 300, currentPerSecond: rate }];
  add(0, of({ closing: false, rows: row(20_000) }), at(0.5));
  const rate = () => windows.running("default", windows.handleOf(keyOf("a"))!, 10_000).currentRatePerSecond;
  assert.equal(rate(), 20_000);
  add(1, of({ part: 0, rows: row(900) }));
  add(1, of({ agent: "agent-b", rows: row(500) }));
  assert.equal(rate(), 1400);
});

test("a hop waits for agents whose clients report, but neither for ever nor for those that stopped", () => {
  const { windows, add } = setUp();
  windows.expect(makeReport({ atMs: at(-1) }));
  const clients = { vantage: "clients", sees: ["read"], complete: false } as const;
  const closedAt = (nowMs: number) => windows.advance(nowMs).map(({ asOfMs }) => (asOfMs - at(0)) / 1000);
  for (const second of [-1, 0, 1, 2]) add(second, {}, at(3.1));
  add(2, { ...clients, rows: [{ key: "a", read: 10 }] }, at(3.2));
  assert.deepEqual(closedAt(at(3.4)).slice(-1), [3]);
  add(3, {});
  assert.deepEqual(closedAt(at(4.1)), []);
  add(3, { ...clients, rows: [{ key: "a", read: 10 }] }, at(4.4));
  assert.deepEqual(closedAt(at(4.4)), [4]);
  for (const second of [4, 5, 6, 7, 8]) add(second, {});
  assert.deepEqual(closedAt(at(6.9)), [], "within the grace it is waited for");
  assert.deepEqual(closedAt(at(8.1)), [5, 6]);
  assert.deepEqual(closedAt(at(9.1)), [7, 8, 9], "it has stopped");
});
