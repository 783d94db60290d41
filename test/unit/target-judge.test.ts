import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../src/config/load.ts";
import { IncidentBook } from "../../src/incidents/book.ts";
import { memoryStore } from "../../src/incidents/store.ts";
import type { Incident } from "../../src/model/incident.ts";
import type { TargetReport } from "../../src/model/target.ts";
import { RuleSet } from "../../src/rules/rule-set.ts";
import { Ledger } from "../../src/runtime/accounting.ts";
import { silentLogger } from "../../src/runtime/logger.ts";
import { TargetJudge } from "../../src/target-judge.ts";
import { TargetTable } from "../../src/windows/target-table.ts";
import { makeReport } from "../support/parts.ts";

const START_MS = Date.UTC(2026, 10, 23, 17);
const NODES = ["10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"];

/** Second by second: reports come, then the targets are judged. */
class Scene {
  readonly targets = new TargetTable();
  readonly incidents: IncidentBook;
  readonly judge: TargetJudge;
  readonly changes: string[] = [];
  isOwner = true;
  nowMs = START_MS;

  constructor(rules: readonly object[]) {
    const config = defaultConfig({ rules });
    this.incidents = new IncidentBook({
      rules: config.rules,
      store: memoryStore(),
      ledger: new Ledger("incidents"),
      logger: silentLogger,
      nowMs: this.nowMs,
    });
    const { targets, incidents } = this;
    this.judge = new TargetJudge({
      rules: new RuleSet(config.rules),
      targets,
      incidents,
      mayJudge: () => this.isOwner,
      onIncident: (incident) => this.#note(incident),
    });
  }

  /** `ran`: per second of each node; `null`: it is not heard of. */
  pass(seconds: number, ran: readonly (number | null)[], fields: Partial<TargetReport> = {}): void {
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      ran.forEach((write, index) => {
        if (write === null) return;
        const report = { target: NODES[index]!, atMs: this.nowMs, ran: { read: 0, write } };
        this.targets.add(makeReport({ ...report, ...fields }));
      });
      this.judge.judge(this.nowMs);
      for (const incident of this.incidents.tick(this.nowMs)) this.#note(incident);
    }
  }

  #note({ rule, target, status, key }: Incident): void {
    assert.equal(key, null);
    const change = `${rule} ${target} ${status}`;
    if (this.changes.at(-1) !== change) this.changes.push(change);
  }
}

const QUICK = { keepFiringFor: "5s", cooldown: "0s" };
const BLIND = { name: "blind", type: "blind", threshold: "60s", ...QUICK };
const SKEW = { name: "skew", type: "skew", threshold: 3, ...QUICK };

test("a node that is not heard of for 60 s is blind, with what to do, and no longer once it is seen", () => {
  const scene = new Scene([BLIND]);
  scene.pass(10, [1, 1]);
  scene.pass(59, [1, null]);
  assert.deepEqual(scene.changes, []);
  scene.pass(1, [1, null]);
  assert.deepEqual(scene.changes, ["blind 10.0.0.2:6379 firing"]);
  const [incident] = scene.incidents.list({ limit: 1 });
  assert.deepEqual(
    incident?.advice.map(({ remedy }) => remedy),
    ["restore-sight"],
  );
  assert.equal(incident?.measure.value, 60);
  scene.pass(600, [1, null]);
  assert.deepEqual(scene.changes.length, 1, "it neither ends nor goes stale");
  scene.pass(10, [1, 1]);
  assert.deepEqual(scene.changes.slice(1), [
    "blind 10.0.0.2:6379 recovering",
    "blind 10.0.0.2:6379 resolved",
  ]);
});

test("a node whose only source is refused is blind, and the reason is in the page", () => {
  const scene = new Scene([BLIND]);
  const reason = "CONFIG SET notify-keyspace-events AKEm";
  const down = { source: "keyspace", state: "down", sinceMs: 0, gaps: 0, probability: 1, reason } as const;
  scene.pass(70, [1], { sources: [down] });
  assert.deepEqual(scene.changes, ["blind 10.0.0.1:6379 firing"]);
  assert.equal(scene.incidents.list({ limit: 1 })[0]?.advice[0]?.why, reason);
});

test("a judge that has just begun, or was paused, does not take its own absence for blindness", () => {
  const scene = new Scene([BLIND]);
  scene.pass(5, [1]);
  scene.nowMs += 300_000;
  scene.pass(50, [null]);
  assert.deepEqual(scene.changes, []);
  scene.pass(20, [null]);
  assert.deepEqual(scene.changes, ["blind 10.0.0.1:6379 firing"]);
  const other = new Scene([BLIND]);
  other.isOwner = false;
  other.pass(1, [1]);
  other.pass(100, [null]);
  other.isOwner = true;
  other.pass(59, [null]);
  assert.deepEqual(other.changes, [], "it took the cluster over a minute ago");
});

test("a node that runs three times what its peers run is skewed, until it does not", () => {
  const scene = new Scene([SKEW]);
  scene.pass(20, [2000, 2000, 2000]);
  assert.deepEqual(scene.changes, []);
  scene.pass(15, [9000, 2000, 2000]);
  assert.deepEqual(scene.changes, ["skew 10.0.0.1:6379 firing"]);
  const [incident] = scene.incidents.list({ limit: 1 });
  assert.equal(incident?.ratePerSecond, 9000);
  assert.equal(incident?.currentRatePerSecond, 9000);
  scene.pass(30, [2000, 2000, 2000]);
  assert.deepEqual(scene.changes.slice(1), ["skew 10.0.0.1:6379 recovering", "skew 10.0.0.1:6379 resolved"]);
});

test("replicas are no peers, one node alone is not skewed, and what is not known ends nothing", () => {
  const alone = new Scene([SKEW]);
  alone.pass(20, [9000]);
  alone.pass(20, [null, 1, 1], { role: "replica" });
  assert.deepEqual(alone.changes, []);
  const scene = new Scene([SKEW]);
  scene.pass(20, [9000, 1000, 1000]);
  scene.pass(50, [9000, 1000, 1000], { ran: { read: null, write: 0 } });
  assert.deepEqual(scene.changes, ["skew 10.0.0.1:6379 firing"]);
});

test("a node that falls silent after the wall clock was set back is blind", () => {
  const scene = new Scene([BLIND]);
  scene.pass(10, [1]);
  scene.nowMs -= 3_600_000;
  scene.pass(10, [1], { epoch: 2 });
  scene.pass(70, [null]);
  assert.deepEqual(scene.changes, ["blind 10.0.0.1:6379 firing"]);
});

test("a primary that has no slots yet is no peer of those that have", () => {
  const scene = new Scene([SKEW]);
  const joined = { target: NODES[2]!, ran: { read: 0, write: 0 }, slots: [] };
  for (let second = 0; second < 20; second++) {
    scene.targets.add(makeReport({ ...joined, atMs: scene.nowMs + 1000 }));
    scene.pass(1, [8000, 4000], { slots: [[0, 16383]] });
  }
  assert.deepEqual(scene.changes, []);
});

test("of what is pending, the time in which this process was paused does not count", () => {
  const scene = new Scene([{ name: "blind", type: "blind", for: "60s", ...QUICK }]);
  scene.pass(10, [1]);
  scene.pass(10, [null]);
  assert.deepEqual(scene.changes, ["blind 10.0.0.1:6379 pending"]);
  scene.nowMs += 55_000;
  scene.pass(58, [null]);
  assert.deepEqual(scene.changes, ["blind 10.0.0.1:6379 pending"]);
  scene.pass(5, [null]);
  assert.deepEqual(scene.changes.at(-1), "blind 10.0.0.1:6379 firing");
});

test("an open incident of a blind node goes on counting over a pause", () => {
  const scene = new Scene([BLIND]);
  scene.pass(10, [1]);
  scene.pass(90, [null]);
  scene.nowMs += 20_000;
  scene.pass(5, [null]);
  const [incident] = scene.incidents.list({ limit: 1 });
  assert.equal(incident?.status, "firing");
  assert.ok(incident.measure.value! >= 50, `${incident.measure.value} s`);
});
