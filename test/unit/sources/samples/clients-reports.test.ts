import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientsReports } from "../../../../src/sources/samples/clients-reports.ts";
import { makeClientsReport, makePart } from "../../../support/parts.ts";
import { batchOf, makeSource, sample, T0, TARGET } from "./scene.ts";

const SLOTS = [[0, 16_383]] as const;

test("over a pane, whatever its buckets, early parts and sampling, a target's reports add up to its accesses", () => {
  const source = makeSource({ targets: () => [{ ...TARGET, slots: SLOTS }] });
  const reports = new ClientsReports();
  const at = (key: string, reads: number) => sample(key, { target: TARGET.address, reads, writes: 2 });
  const keys = Array.from({ length: 30 }, (_, i) => at(`key:${i}`, 10));
  source.take(
    batchOf(T0 + 1000, [...keys, { ...at("sampled", 40), probability: 0.5 }, at("hot", 90_000)]),
    T0 + 1000,
  );
  const early = reports.of(source.round(T0 + 1200));
  const closed = reports.of(source.round(T0 + 1600));
  source.take(batchOf(T0 + 1000, [at("late", 7)], { instance: "slow" }), T0 + 1700);
  const late = reports.of(source.round(T0 + 1800));
  assert.deepEqual(
    [early, closed, late].map((told) => told.map(({ startMs, closing }) => [startMs - T0, closing])),
    [[[0, false]], [[0, true]], [[0, false]]],
  );
  const all = [...early, ...closed, ...late];
  const sumOf = (kind: "read" | "write") => all.reduce((sum, told) => sum + told[kind], 0);
  assert.equal(sumOf("read"), 300 + 80 + 90_000 + 7);
  assert.equal(sumOf("write"), 60 + 4 + 2 + 2);
  assert.deepEqual(
    all.map(({ number }) => number),
    [1, 2, 3],
  );
});

test("an empty pane is told of when it closes; of accesses without a target nothing is", () => {
  const part = makePart({ vantage: "clients", startMs: T0 });
  const reports = new ClientsReports();
  assert.deepEqual(reports.of([part]), [makeClientsReport({ number: 1, startMs: T0 })]);
  assert.deepEqual(reports.of([{ ...part, closing: false }]), []);
  assert.deepEqual(reports.of([{ ...part, target: "" }]), []);
});
