import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyId } from "../../../../src/model/key.ts";
import type { PanePart } from "../../../../src/model/pane.ts";
import { WRITE_COLUMN } from "../../../../src/panes/columns.ts";
import { viewOf } from "../../../../src/panes/key-words.ts";
import { PaneRecorder } from "../../../../src/panes/recorder.ts";
import { EventCounts } from "../../../../src/scans/events/event-counts.ts";
import fc from "../../../support/fast-check.ts";

interface Write {
  readonly db: number;
  readonly key: string;
  readonly count: number;
}

/** Panes of one server, of a recorder that tracks few keys. */
class Panes {
  readonly #recorder = new PaneRecorder(
    {
      agent: "scan",
      cluster: "c",
      target: "t",
      vantage: "server-events",
      lengthMs: 1000,
      capacity: 16,
      bytesMax: 64 * 1024,
      publishMax: 16,
      buckets: 1,
      maybeClasses: [],
      commandNames: ["set"],
      ignored: () => false,
    },
    { startMs: 0, epoch: 1, nowMs: 0 },
  );
  #endMs = 0;

  /** Parts of a pane with these writes. */
  pane(writes: readonly Write[], isComplete = true): { early: PanePart[]; closing: PanePart[] } {
    for (const { db, key, count } of writes) {
      const bytes = Buffer.from(key);
      const entry = this.#recorder.enter(db, viewOf(bytes), 0, bytes.length);
      this.#recorder.count(entry, WRITE_COLUMN, count, 1);
    }
    this.#endMs += 1000;
    const early = this.#recorder.earlyParts(this.#endMs, ["write"], null);
    const closing = this.#recorder.rotate({ startMs: this.#endMs, epoch: 1, nowMs: this.#endMs }).publish({
      sees: ["write"],
      complete: isComplete,
      writesInDoubt: false,
      slots: null,
      totals: null,
      budgets: [],
    });
    return { early, closing };
  }
}

function countsOf(counts: EventCounts) {
  return [...counts.keys()].map(({ db, key, count, commands }) => ({
    id: keyId(db, key),
    estimate: count.estimate,
    lower: count.lower,
    upper: count.upper,
    commands,
  }));
}

describe("the counts of keyspace events over panes", () => {
  it("add up, database by database, early parts too", () => {
    const panes = new Panes();
    const counts = new EventCounts();
    for (const count of [5000, 7, 0]) {
      const writes =
        count === 0
          ? []
          : [
              { db: 0, key: "k", count },
              { db: 1, key: "k", count: 1 },
            ];
      const { early, closing } = panes.pane(writes);
      counts.addEarly(early);
      counts.closePane(closing);
    }
    assert.deepEqual(countsOf(counts), [
      { id: "0:k", estimate: 5007, lower: 5007, upper: 5008, commands: { set: 5007 } },
      { id: "1:k", estimate: 1, lower: 1, upper: 2, commands: { set: 1 } },
    ]);
    assert.deepEqual(counts.observed, { write: 5009, miss: 0 });
  });

  it("hold the truth within their bounds, whatever was written", () => {
    const write = fc.record({
      db: fc.integer({ min: 0, max: 2 }),
      key: fc.integer({ min: 0, max: 40 }).map((n) => `key:${n}`),
      count: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(fc.array(fc.array(write, { maxLength: 60 }), { maxLength: 6 }), (all) => {
        const panes = new Panes();
        const counts = new EventCounts();
        const truth = new Map<string, number>();
        for (const writes of all) {
          for (const { db, key, count } of writes) {
            const id = keyId(db, Buffer.from(key));
            truth.set(id, (truth.get(id) ?? 0) + count);
          }
          const { early, closing } = panes.pane(writes);
          counts.addEarly(early);
          counts.closePane(closing);
        }
        for (const { id, lower, upper, estimate } of countsOf(counts)) {
          const count = truth.get(id) ?? 0;
          assert.ok(upper !== null && lower <= count && count <= upper, `${id}: ${lower} ${count} ${upper}`);
          assert.ok(lower <= estimate && estimate <= upper);
        }
      }),
    );
  });

  it("have no upper bounds where a pane was not watched, or not to its end", () => {
    for (const closing of [[], new Panes().pane([], false).closing]) {
      const counts = new EventCounts();
      counts.closePane(new Panes().pane([{ db: 0, key: "k", count: 3 }]).closing);
      counts.closePane(closing);
      assert.equal(counts.incompletePanes, 1);
      assert.deepEqual(countsOf(counts), [
        { id: "0:k", estimate: 3, lower: 3, upper: null, commands: { set: 3 } },
      ]);
    }
  });

  it("are scaled where not every event was counted, and have no upper bounds then", () => {
    const panes = new Panes();
    const counts = new EventCounts();
    counts.closePane(panes.pane([{ db: 0, key: "k", count: 10 }]).closing);
    const thinned = panes.pane([{ db: 0, key: "k", count: 10 }]).closing;
    counts.closePane(thinned.map((part) => ({ ...part, probability: 0.25 })));
    assert.equal(counts.isSampled, true);
    assert.deepEqual(countsOf(counts), [
      { id: "0:k", estimate: 50, lower: 20, upper: null, commands: { set: 20 } },
    ]);
  });
});
