import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notified } from "../../../src/model/incident.ts";
import { type Authority, type OwnedRecord, stateKey } from "../../../src/model/state-record.ts";
import { StateView } from "../../../src/ownership/state-view.ts";
import { makeReport } from "../../support/parts.ts";
import { incidentOf } from "../incidents/samples.ts";

const right = (term: number, instance: string, bucket = 0): Authority => ({
  cluster: "shop",
  bucket,
  term,
  instance,
});
const owner = (term: number, instance: string): OwnedRecord => ({
  type: "owner",
  authority: right(term, instance),
});
const incident = (authority: Authority, changes = {}): OwnedRecord => ({
  type: "incident",
  authority,
  incident: incidentOf(changes),
});
const told = (atMs: number): Notified => ({
  receiver: "hook",
  atMs,
  outcome: "delivered",
  event: "firing",
  severity: "warning",
});

const NOW_MS = 1_700_000_000_000;

function setUp() {
  const events: string[] = [];
  const again: OwnedRecord[] = [];
  const view = new StateView({
    claimed: ({ term, instance }) => events.push(`claimed ${term} ${instance}`),
    incidentChanged: ({ status, notified }) => events.push(`incident ${status} ${notified.length}`),
    targetChanged: ({ goneAtMs }) => events.push(goneAtMs === null ? "target" : "target gone"),
    overwritten: (record) => again.push(record),
    unwanted: ({ id }) => events.push(`unwanted ${id}`),
  });
  return { view, events, again, statuses: () => Array.from(view.incidents(), ({ status }) => status) };
}

test("only a higher term takes a bucket over; of two with one term the first in the log has it", () => {
  const { view, events, again } = setUp();
  for (const record of [owner(1, "a"), owner(1, "b"), owner(2, "b"), owner(1, "a"), owner(2, "b")])
    view.apply(record, NOW_MS);
  assert.deepEqual(events, ["claimed 1 a", "claimed 2 b"]);
  assert.deepEqual(view.ownerOf("shop", 0), right(2, "b"));
  assert.equal(view.ownerOf("shop", 1), null);
  assert.deepEqual(
    again,
    [owner(1, "a"), owner(2, "b")],
    "what lies under the ignored ones is to be written again",
  );
});

test("a record of a lower term, or of another instance in the same term, changes nothing and is to be written over", () => {
  const { view, again, statuses } = setUp();
  view.apply(owner(1, "a"), NOW_MS);
  view.apply(incident(right(1, "a")), NOW_MS);
  view.apply(owner(2, "b"), NOW_MS);
  const standing = incident(right(2, "b"), { status: "recovering" });
  view.apply(standing, NOW_MS);
  view.apply(incident(right(1, "a"), { status: "resolved" }), NOW_MS);
  view.apply(incident(right(2, "c"), { status: "resolved" }), NOW_MS);
  assert.deepEqual(statuses(), ["recovering"]);
  assert.deepEqual(again, [standing, standing]);
});

test("what an owner before wrote stands until the next one writes", () => {
  const { view, statuses } = setUp();
  view.apply(incident(right(3, "a")), NOW_MS);
  view.apply(owner(7, "b"), NOW_MS);
  assert.deepEqual(statuses(), ["firing"]);
  assert.deepEqual(
    Array.from(view.incidentsOf("shop", 0), ({ incident }) => incident.id),
    [incidentOf().id],
  );
  assert.deepEqual([...view.incidentsOf("shop", 1)], []);
});

test("what receivers were told is united, whoever wrote it and whatever came first", () => {
  const { view, events, again } = setUp();
  const log = (authority: Authority, entries: readonly Notified[]): OwnedRecord => ({
    type: "notified",
    authority,
    incidentId: incidentOf().id,
    receiver: "hook",
    entries,
  });
  view.apply(owner(2, "b"), NOW_MS);
  view.apply(incident(right(2, "b")), NOW_MS);
  view.apply(log(right(2, "b"), [told(20)]), NOW_MS);
  view.apply(log(right(1, "a"), [told(10)]), NOW_MS);
  assert.deepEqual(view.notified(incidentOf().id, "hook"), [told(10), told(20)]);
  assert.deepEqual(again, [log(right(1, "a"), [told(10), told(20)])], "the latest record knew less");
  view.apply(log(right(2, "b"), [told(10), told(20)]), NOW_MS);
  assert.equal(again.length, 1);
  assert.equal(events.at(-1), "incident firing 2");
});

test("only what is over can be deleted", () => {
  const { view, again, statuses } = setUp();
  const firing = incident(right(1, "a"));
  view.apply(firing, NOW_MS);
  view.remove(stateKey(firing));
  assert.deepEqual([statuses(), again], [["firing"], [firing]]);
  view.apply(incident(right(1, "a"), { status: "resolved", resolvedAtMs: 5 }), NOW_MS);
  view.remove(stateKey(firing));
  assert.deepEqual(statuses(), []);
});

test("targets are known with their last report, and when they went", () => {
  const { view, events } = setUp();
  const report = makeReport({ cluster: "shop" });
  view.apply({ type: "target", authority: right(1, "a"), report, goneAtMs: null }, NOW_MS);
  view.apply({ type: "target", authority: right(1, "a"), report, goneAtMs: 9 }, NOW_MS);
  assert.deepEqual(events, ["target", "target gone"]);
  assert.equal(view.target("shop", report.target)?.goneAtMs, 9);
});

test("ten thousand resolved incidents are remembered, the latest ones, and every open one", () => {
  const { view, statuses } = setUp();
  view.apply(incident(right(1, "a"), { id: "open", name: "open" }), NOW_MS);
  for (let i = 0; i < 10_005; i++)
    view.apply(incident(right(1, "a"), { id: `i-${i}`, status: "resolved", resolvedAtMs: i }), NOW_MS);
  assert.equal(statuses().length, 10_001);
  assert.equal(view.incident("i-4"), undefined);
  assert.equal(view.incident("i-5")?.status, "resolved");
  assert.equal(view.incident("open")?.status, "firing");
});

test("a claim far above the last one, or of no whole term, is refused and written over", () => {
  const { view, again } = setUp();
  view.apply(owner(7, "a"), NOW_MS);
  for (const term of [Number.MAX_SAFE_INTEGER, 1e300, 7.5, -1]) view.apply(owner(term, "forger"), NOW_MS);
  assert.deepEqual(view.ownerOf("shop", 0), right(7, "a"));
  assert.deepEqual(again, Array(4).fill(owner(7, "a")));
  view.apply(owner(8, "b"), NOW_MS);
  assert.deepEqual(view.ownerOf("shop", 0), right(8, "b"));
});

test("a first claim leaves room for those that follow", () => {
  const { view } = setUp();
  view.apply(owner(Number.MAX_SAFE_INTEGER, "forger"), NOW_MS);
  assert.equal(view.ownerOf("shop", 0), null);
});

test("what was about to be written of notifications is part of the next record, and is no news when read back", () => {
  const { view, again } = setUp();
  const entriesOf = () => view.notified("i-1", "hook");
  const record = (entries: readonly Notified[]) =>
    ({ type: "notified", authority: right(1, "a"), incidentId: "i-1", receiver: "hook", entries }) as const;
  view.noteNotified(record([told(1)]));
  const second = record([...entriesOf(), told(2)]);
  view.noteNotified(second);
  view.apply(second, NOW_MS);
  assert.deepEqual(entriesOf(), [told(1), told(2)]);
  assert.deepEqual(again, []);
});
