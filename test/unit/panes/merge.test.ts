import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyId } from "../../../src/model/key.ts";
import type { PanePart } from "../../../src/model/pane.ts";
import { sureOf } from "../../../src/panes/columns.ts";
import { mayMerge, mergePanes } from "../../../src/panes/merge.ts";
import fc from "../../support/fast-check.ts";
import { makePart, type Row } from "../../support/parts.ts";

const PLACE = { startMs: 0, lengthMs: 10_000, part: 2048, complete: true, entriesMax: 1000 };

interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/** Bounds of each key that `part` holds, by the key's identity. */
function boundsOf({ entries }: PanePart): Map<string, Bounds> {
  const bounds = new Map<string, Bounds>();
  for (let i = 0; i < entries.length; i++) {
    const key = entries.keyBytes.subarray(entries.keyOffsets[i]!, entries.keyOffsets[i + 1]!);
    const counts = { read: entries.reads[i]!, write: entries.writes[i]!, miss: entries.misses[i]! };
    const lower = sureOf(counts);
    bounds.set(keyId(entries.dbs[i]!, key), {
      lower,
      upper: lower + entries.maybes[i]! + entries.errors[i]!,
    });
  }
  return bounds;
}

function text(id: string): string {
  return `0:${id}`;
}

const KEYS = ["a", "b", "c", "d", "e", "f"];

/** The truth of one pane, and a summary of it whose bounds hold. */
interface Summary {
  readonly truth: ReadonlyMap<string, number>;
  readonly part: PanePart;
}

/** Some keys tracked from the start, some later (so with an error), some never (so the floor covers them). */
const summaries: fc.Arbitrary<Summary> = fc
  .array(
    fc.record({
      seen: fc.nat(50),
      unseen: fc.nat(20),
      maybe: fc.nat(10),
      misses: fc.nat(10),
      slack: fc.nat(5),
      isTracked: fc.boolean(),
    }),
    { minLength: KEYS.length, maxLength: KEYS.length },
  )
  .chain((shapes) => fc.tuple(fc.constant(shapes), fc.nat(10), fc.nat(9)))
  .map(([shapes, extraFloor, second]) => {
    const truth = new Map<string, number>();
    const rows: Row[] = [];
    let floor = extraFloor;
    shapes.forEach((shape, i) => {
      const key = KEYS[i]!;
      const { seen, unseen, maybe, misses, slack, isTracked } = shape;
      // Half of the maybes were accesses.
      const count = seen + misses + unseen + Math.floor(maybe / 2);
      truth.set(key, count);
      if (isTracked) rows.push({ key, write: seen, miss: misses, maybe, error: unseen + slack });
      else floor = Math.max(floor, count);
    });
    const part = makePart({ rows, floor, startMs: second * 1000 });
    return { truth, part };
  });

function assertHolds(merged: PanePart, truth: ReadonlyMap<string, number>): void {
  const bounds = boundsOf(merged);
  for (const [key, count] of truth) {
    const { lower, upper } = bounds.get(text(key)) ?? { lower: 0, upper: merged.floor };
    assert.ok(lower <= count && count <= upper, `${key}: ${lower} <= ${count} <= ${upper}`);
  }
}

function sumOfTruths(all: readonly Summary[]): Map<string, number> {
  return new Map(KEYS.map((key) => [key, all.reduce((sum, { truth }) => sum + (truth.get(key) ?? 0), 0)]));
}

describe("merging panes", () => {
  it("keeps every key's true count within its bounds, whatever is cut off", () => {
    fc.assert(
      fc.property(
        fc.array(summaries, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 7 }),
        (all, entriesMax) => {
          const merged = mergePanes(
            all.map(({ part }) => part),
            { ...PLACE, entriesMax },
          );
          assert.ok(merged.entries.length <= entriesMax);
          assertHolds(merged, sumOfTruths(all));
        },
      ),
    );
  });

  it("keeps them also when what was merged, and cut, is merged again, in any grouping", () => {
    fc.assert(
      fc.property(
        fc.array(summaries, { minLength: 2, maxLength: 8 }),
        fc.array(fc.nat(7), { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 0, max: 7 }),
        (all, groups, entriesMax) => {
          const byGroup = Map.groupBy(all.keys(), (i) => groups[i]!);
          const merged = [...byGroup.values()].map((members) =>
            mergePanes(
              members.map((i) => all[i]!.part),
              { ...PLACE, entriesMax },
            ),
          );
          assertHolds(mergePanes(merged, { ...PLACE, entriesMax }), sumOfTruths(all));
        },
      ),
    );
  });

  it("gives the same bounds in any order and grouping where nothing is cut off", () => {
    const shuffled = fc
      .array(summaries, { minLength: 2, maxLength: 6 })
      .chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(5)),
      );
    fc.assert(
      fc.property(shuffled, ([all, order, cut]) => {
        const parts = all.map(({ part }) => part);
        const atOnce = mergePanes(parts, PLACE);
        const at = 1 + (cut % (order.length - 1));
        const halves = [order.slice(0, at), order.slice(at)].map((half) =>
          mergePanes(
            half.map(({ part }) => part),
            PLACE,
          ),
        );
        const inTwoSteps = mergePanes(halves, PLACE);
        assert.equal(inTwoSteps.floor, atOnce.floor);
        assert.deepEqual(inTwoSteps.total, atOnce.total);
        assert.deepEqual(sorted(boundsOf(inTwoSteps)), sorted(boundsOf(atOnce)));
      }),
    );
  });

  it("adds counts, floors and totals, and gives a key the floors of the panes without it", () => {
    const first = makePart({
      startMs: 1000,
      floor: 3,
      rows: [{ key: "both", write: 10, maybe: 1, error: 2, currentPerSecond: 10, commands: { set: 10 } }],
      totals: { observed: { read: 0, write: 15, miss: 0 }, ran: { read: 5, write: 20 } },
    });
    const second = makePart({
      startMs: 2000,
      floor: 4,
      rows: [
        { key: "both", write: 20, miss: 5, currentPerSecond: 25, commands: { set: 19, incr: 1 } },
        { key: "one", write: 7 },
      ],
      totals: { observed: { read: 0, write: 30, miss: 5 }, ran: { read: 6, write: null } },
    });
    const merged = mergePanes([first, second], PLACE);
    assert.equal(merged.floor, 7);
    assert.deepEqual(merged.total, { read: 0, write: 37, miss: 5 });
    assert.deepEqual(merged.totals, {
      observed: { read: 0, write: 45, miss: 5 },
      ran: { read: 11, write: null },
    });
    assert.deepEqual(sorted(boundsOf(merged)), [
      [text("both"), { lower: 35, upper: 35 + 1 + 2 }],
      [text("one"), { lower: 7, upper: 7 + 3 }],
    ]);
    assert.deepEqual([...merged.entries.currentPerSecond], [25, 0]);
    const names = merged.entries.commandNames;
    assert.deepEqual(
      [...merged.entries.commandIds.slice(0, 3)].map((id) => names[id - 1]),
      ["set", "incr", undefined],
    );
    assert.deepEqual([...merged.entries.commandCounts.slice(0, 3)], [29, 1, 0]);
  });

  it("makes one closing part, complete as the caller knows it, at its place", () => {
    const early = makePart({ startMs: 3000, part: 0, closing: false });
    const closing = makePart({ startMs: 3000, part: 1, totals: null });
    const merged = mergePanes([early, closing], { ...PLACE, complete: false });
    const { startMs, lengthMs, part, parts, complete } = merged;
    assert.deepEqual(
      { startMs, lengthMs, part, parts, closing: merged.closing, complete, totals: merged.totals },
      { startMs: 0, lengthMs: 10_000, part: 2048, parts: 1, closing: true, complete: false, totals: null },
    );
  });

  it("tells keys of different databases, and bytes that are no text, apart", () => {
    const key = Uint8Array.from([0xff, 0]);
    const rows = [
      { key, write: 1 },
      { key, db: 1, write: 2 },
      { key: Uint8Array.from([0xff]), write: 4 },
    ];
    const merged = mergePanes([makePart({ rows }), makePart({ rows, startMs: 1000 })], PLACE);
    assert.deepEqual([...merged.entries.writes], [2, 4, 8]);
  });

  it("is refused for parts of different streams", () => {
    const part = makePart();
    const others: Partial<PanePart>[] = [
      { agent: "agent-b" },
      { epoch: 2 },
      { cluster: "shop" },
      { target: "10.0.0.2:6379" },
      { vantage: "clients" },
      { bucket: 1, buckets: 2 },
      { probability: 0.5 },
      { watchedShare: 0.5 },
      { sees: ["write"] },
      { slots: [[0, 99]] },
    ];
    for (const other of others) {
      assert.equal(mayMerge(part, makePart(other)), false);
      assert.throws(() => mergePanes([part, makePart(other)], PLACE), RangeError);
    }
    assert.equal(mayMerge(part, makePart({ sees: ["miss", "write"], startMs: 1000 })), true);
    assert.throws(() => mergePanes([], PLACE), RangeError);
  });

  it("adds what clients tell of a key, services by their names", () => {
    const of = (startMs: number, services: Record<string, number>) =>
      makePart({
        startMs,
        vantage: "clients",
        rows: [{ key: "a", read: 5, absorbed: 2, bytes: 100, services }],
      });
    const { entries } = mergePanes([of(0, { shop: 3, web: 2 }), of(1000, { web: 5 })], PLACE);
    const { absorbed, bytes, serviceIds, serviceCounts, serviceNames } = entries.clients!;
    assert.deepEqual([absorbed[0], bytes[0]], [4, 200]);
    const named = Array.from(serviceIds, (id, place) => [serviceNames[id - 1], serviceCounts[place]]);
    assert.deepEqual(named.slice(0, 2), [
      ["web", 7],
      ["shop", 3],
    ]);
  });

  it("leaves parts of other vantages without the clients' columns", () => {
    const part = makePart({ rows: [{ key: "a", write: 1 }] });
    assert.equal(mergePanes([part, makePart({ startMs: 1000 })], PLACE).entries.clients, null);
  });
});

function sorted(bounds: ReadonlyMap<string, Bounds>): [string, Bounds][] {
  return [...bounds].sort(([a], [b]) => (a < b ? -1 : 1));
}
