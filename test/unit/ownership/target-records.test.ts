import assert from "node:assert/strict";
import { test } from "node:test";
import type { TargetRecord } from "../../../src/model/state-record.ts";
import { StateView } from "../../../src/ownership/state-view.ts";
import { TargetRecords } from "../../../src/ownership/target-records.ts";
import { makeReport } from "../../support/parts.ts";

function setUp() {
  const written: TargetRecord[] = [];
  const erased: string[] = [];
  const owner = { is: true };
  const view = new StateView({
    claimed: () => {},
    incidentChanged: () => {},
    targetChanged: () => {},
    overwritten: () => {},
    unwanted: () => {},
  });
  const records = new TargetRecords({
    view,
    write: (record) => written.push(record),
    erase: ({ report }) => erased.push(report.target),
    authorityOf: (cluster) => (owner.is ? { cluster, bucket: 0, term: 1, instance: "one" } : null),
  });
  return { written, erased, owner, view, records };
}

const report = (second: number, changes = {}) => makeReport({ atMs: second * 1000, ...changes });

test("a target is written when it is first heard of, when it changes, and each minute", () => {
  const { written, records } = setUp();
  for (let second = 1; second <= 61; second++) records.note(report(second));
  assert.deepEqual(
    written.map(({ report: { atMs } }) => atMs),
    [1000, 61_000],
  );
  records.note(report(63, { role: "replica" }));
  assert.equal(written.at(-1)?.report.role, "replica");
  records.note(report(64, { role: "primary" }));
  assert.equal(written.length, 3, "two agents that do not agree do not have it written at each report");
});

test("one that does not answer keeps the slots and the role that it had", () => {
  const { written, records } = setUp();
  records.note(report(1, { slots: [[0, 100]], role: "primary" }));
  records.note(report(5, { slots: null, role: "unknown", reachable: false, runId: null }));
  const last = written.at(-1)?.report;
  assert.deepEqual([last?.slots, last?.role, last?.reachable], [[[0, 100]], "primary", false]);
});

test("one that is gone is written so once, and comes back with its next report", () => {
  const { written, records } = setUp();
  records.drop("default", "10.0.0.1:6379", 500);
  assert.equal(written.length, 0, "nobody knew it");
  records.note(report(1));
  records.drop("default", "10.0.0.1:6379", 2000);
  records.drop("default", "10.0.0.1:6379", 3000);
  assert.deepEqual(
    written.slice(1).map(({ goneAtMs }) => goneAtMs),
    [2000],
  );
  records.note(report(4));
  assert.equal(written.at(-1)?.goneAtMs, null);
});

test("only the cluster's owner writes, and a new one goes on from what is in the topic", () => {
  const { written, owner, view, records } = setUp();
  records.note(report(1));
  owner.is = false;
  records.note(report(70));
  records.drop("default", "10.0.0.1:6379", 70_000);
  assert.equal(written.length, 1);
  view.apply(written[0]!, 1000);
  records.release("default");
  owner.is = true;
  records.note(report(2));
  assert.equal(written.length, 1);
  records.drop("default", "10.0.0.1:6379", 70_000);
  assert.equal(written.at(-1)?.goneAtMs, 70_000);
});

test("one that has been gone for a day is forgotten", () => {
  const { written, erased, view, records } = setUp();
  records.note(report(1));
  records.drop("default", "10.0.0.1:6379", 2000);
  for (const record of written) view.apply(record, 2000);
  records.prune(2000 + 24 * 3_600_000 - 1);
  assert.deepEqual(erased, []);
  records.prune(2000 + 24 * 3_600_000);
  assert.deepEqual(erased, ["10.0.0.1:6379"]);
});
