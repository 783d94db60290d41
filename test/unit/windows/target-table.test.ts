import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientsReport } from "../../../src/model/clients.ts";
import type { TargetReport } from "../../../src/model/target.ts";
import { TargetTable } from "../../../src/windows/target-table.ts";
import { makeClientsReport, makeReport } from "../../support/parts.ts";

const T0 = 1_700_000_000_000;
const TARGET = "10.0.0.1:6379";

function at(seconds: number): number {
  return T0 + seconds * 1000;
}

function report(seconds: number, fields: Partial<TargetReport> = {}): TargetReport {
  const observed = { read: 0, write: 80, miss: 5 };
  return makeReport({ atMs: at(seconds), observed, ran: { read: 50, write: 100 }, ...fields });
}

test("coverage is what was observed of what ran, over the last minute", () => {
  const table = new TargetTable();
  for (let second = 0; second < 100; second++) table.add(report(second));
  const [coverage] = table.coverage(at(99));
  assert.deepEqual(coverage?.kinds, {
    read: { ran: 3000, observed: 300, ratio: 0.1, vantage: "server-events" },
    write: { ran: 6000, observed: 4800, ratio: 0.8, vantage: "server-events" },
  });
  assert.deepEqual(table.coverageOf("default", TARGET), { read: 0.1, write: 0.8 });
});

test("only reports that know what ran are divided, and no ratio passes 1", () => {
  const table = new TargetTable();
  table.add(report(0, { ran: { read: null, write: null } }));
  table.add(report(1, { ran: { read: null, write: 60 } }));
  const { read, write } = table.coverage(at(1))[0]!.kinds;
  assert.deepEqual(write, { ran: 60, observed: 80, ratio: 1, vantage: "server-events" });
  assert.deepEqual(read, { ran: null, observed: 10, ratio: null, vantage: "server-events" });
  table.add(report(62, { ran: { read: 0, write: 0 } }));
  assert.equal(table.coverage(at(62))[0]?.kinds.write.ratio, null);
  assert.deepEqual(table.coverageOf("default", "unheard"), { read: null, write: null });
  assert.deepEqual(table.coverageOf("default", null), { read: null, write: null });
});

test("the writes that a replica repeats are no accesses, and nothing that could be seen", () => {
  const table = new TargetTable();
  table.add(report(0, { role: "replica" }));
  const { read, write } = table.coverage(at(0))[0]!.kinds;
  assert.deepEqual(write, { ran: null, observed: 0, ratio: null, vantage: null });
  assert.equal(read.ran, 50);
  assert.equal(table.coverageOf("default", TARGET).write, null);
  table.add(report(1));
  assert.equal(table.coverage(at(1))[0]?.kinds.write.ratio, 0.8);
});

test("a target is seen, blind when nothing watches it, and stale, then blind, when it says nothing", () => {
  const table = new TargetTable();
  const [source] = report(0).sources;
  const state = () => table.coverage(at(7.9))[0]?.state;
  table.add(report(6));
  assert.equal(state(), "seen");
  table.add(report(7, { sources: [{ ...source!, state: "down", reason: "refused" }] }));
  assert.equal(state(), "blind");
  table.add(report(8, { reachable: false }));
  assert.equal(state(), "blind");
  table.add(report(9));
  const states = [10.9, 11.1, 12.4, 12.6].map((second) => table.coverage(at(second))[0]?.state);
  assert.deepEqual(states, ["seen", "stale", "stale", "blind"]);
});

test("a report that comes again, or after a newer one, changes nothing", () => {
  const table = new TargetTable();
  table.add(report(1));
  table.add(report(1));
  table.add(report(0));
  assert.equal(table.coverage(at(1))[0]?.kinds.write.ran, 100);
});

test("of two agents at one target the one that watches it is heard", () => {
  const table = new TargetTable();
  const [source] = report(0).sources;
  table.add(report(1));
  table.add(
    report(2, {
      agent: "agent-b",
      sources: [{ ...source!, state: "off" }],
      observed: { read: 0, write: 0, miss: 0 },
    }),
  );
  assert.equal(table.coverage(at(2))[0]?.state, "seen");
  assert.equal(table.coverage(at(2))[0]?.kinds.write.observed, 80);
});

test("targets come in order, and leave when they are forgotten or silent for an hour", () => {
  const table = new TargetTable();
  for (const target of ["c", "a", "b"]) table.add(report(0, { target }));
  table.add(report(3000, { target: "b" }));
  assert.deepEqual(
    table.coverage(at(3000)).map(({ target }) => target),
    ["a", "b", "c"],
  );
  table.forget("default", "a");
  assert.deepEqual(
    table.coverage(at(3601)).map(({ target }) => target),
    ["b"],
  );
});

test("facts of a key are its newest ones, and the oldest keys make room", () => {
  const table = new TargetTable();
  const key = (name: string) => ({ cluster: "default", db: 0, bytes: Buffer.from(name) });
  const facts = (bytes: number) => ({ type: "string", bytes, ttlSeconds: null, encoding: "raw" });
  table.addFacts({ type: "facts", ...key("k"), atMs: 2, facts: facts(2) });
  table.addFacts({ type: "facts", ...key("k"), atMs: 1, facts: facts(1) });
  assert.equal(table.factsOf(key("k"))?.bytes, 2);
  for (let i = 0; i < 4096; i++)
    table.addFacts({ type: "facts", ...key(`key:${i}`), atMs: 3, facts: facts(i) });
  assert.equal(table.factsOf(key("k")), null);
  assert.equal(table.factsOf(key("key:4095"))?.bytes, 4095);
});

/** What clients report of second `second` at the target. */
function clients(second: number, fields: Partial<ClientsReport> = {}): ClientsReport {
  return makeClientsReport({ number: second + 1, startMs: at(second), read: 20, write: 10, ...fields });
}

test("reads are covered by what clients report, agents and reports of a pane added", () => {
  const table = new TargetTable();
  for (let second = 1; second <= 10; second++) {
    table.add(report(second));
    table.addClients(clients(second - 1, { number: 2 * second, closing: false, read: 5 }), at(second));
    table.addClients(clients(second - 1, { number: 2 * second + 1, read: 15 }), at(second));
    table.addClients(clients(second - 1, { agent: "agent-b", write: 0 }), at(second));
  }
  const { read, write } = table.coverage(at(10))[0]!.kinds;
  assert.deepEqual(read, { ran: 500, observed: 400, ratio: 0.8, vantage: "clients" });
  assert.deepEqual(write, { ran: 1000, observed: 800, ratio: 0.8, vantage: "server-events" });
  assert.deepEqual(table.coverageOf("default", TARGET), { read: 0.8, write: 0.8 });
});

test("what comes by a second partition, or is read again, is counted once; a new start of the agent is another", () => {
  const table = new TargetTable();
  for (let second = 1; second <= 5; second++) table.add(report(second));
  const told = [0, 1, 2, 3, 4].map((second) => clients(second));
  for (const one of [...told, ...told.slice(2), ...told]) table.addClients(one, at(5));
  assert.equal(table.coverage(at(5))[0]?.kinds.read.observed, 100);
  table.addClients(clients(4, { epoch: 2, number: 1, read: 7 }), at(5));
  assert.equal(table.coverage(at(5))[0]?.kinds.read.observed, 107);
});

test("what the server has told of and clients have not yet is not divided", () => {
  const table = new TargetTable();
  table.add(report(1));
  table.addClients(clients(0, { read: 25 }), at(1));
  table.add(report(2));
  table.addClients(clients(1, { closing: false, read: 5 }), at(2));
  const half = { ran: 50, observed: 25, ratio: 0.5, vantage: "clients" };
  assert.deepEqual(table.coverage(at(2))[0]?.kinds.read, half);
});

test("a pane is divided when all agents have told of it, but for one that has been silent for 10 s", () => {
  const table = new TargetTable();
  const observed = (second: number) => table.coverage(at(second))[0]?.kinds.read.observed;
  table.add(report(1));
  table.addClients(clients(0), at(1));
  table.addClients(clients(0, { agent: "agent-b" }), at(1));
  for (let second = 2; second <= 12; second++) {
    table.add(report(second));
    table.addClients(clients(second - 1), at(second));
    if (second === 11) assert.equal(observed(second), 40);
  }
  assert.equal(observed(12), 40 + 11 * 20);
});

test("what clients cannot have told is turned away", () => {
  const table = new TargetTable();
  table.add(report(1));
  const lies = [{ startMs: at(60) }, { lengthMs: -1 }, { read: -1 }, { write: 1e30 }, { read: Number.NaN }];
  for (const lie of lies) table.addClients(clients(0, { number: 9, ...lie }), at(1));
  assert.equal(table.turnedAway, lies.length);
  table.addClients(clients(0), at(1));
  assert.equal(table.coverage(at(1))[0]?.kinds.read.observed, 20);
});

test("of more agents than are known apart nothing is added, until others have ended", () => {
  const table = new TargetTable();
  table.add(report(1));
  for (let n = 0; n < 2049; n++) table.addClients(clients(0, { agent: `agent-${n}`, read: 0.01 }), at(1));
  assert.equal(table.turnedAway, 1);
  table.addClients(clients(200, { agent: "late" }), at(201));
  assert.equal(table.turnedAway, 1);
});

test("a target that its agent cannot reach is seen while its clients report it", () => {
  const table = new TargetTable();
  const samples = {
    source: "samples",
    state: "up",
    sinceMs: 0,
    gaps: 0,
    probability: 1,
    reason: null,
  } as const;
  table.add(report(0, { reachable: false, sources: [...report(0).sources, samples] }));
  assert.equal(table.coverage(at(1))[0]?.state, "seen");
});

test("what clients report of a target that nobody else knows is no coverage", () => {
  const table = new TargetTable();
  table.addClients(clients(0), at(1));
  assert.deepEqual(table.coverage(at(1)), []);
});
