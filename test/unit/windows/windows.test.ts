import assert from "node:assert/strict";
import { test } from "node:test";
import { unaccounted } from "../../../src/runtime/accounting.ts";
import { ByteBudget } from "../../../src/runtime/byte-budget.ts";
import { silentLogger } from "../../../src/runtime/logger.ts";
import { makePart, makeReport } from "../../support/parts.ts";
import { wholeNumbers } from "../../support/random.ts";
import { at, keyOf, setUp, W } from "./setup.ts";

test("a hop closes at once when all that are expected have delivered, else after the grace", () => {
  const { windows, add } = setUp();
  windows.expect(makeReport({ atMs: at(0) }));
  windows.expect(makeReport({ atMs: at(0), target: "10.0.0.2:6379" }));
  windows.advance(at(2));
  add(0, {});
  assert.deepEqual(windows.advance(at(2.1)), []);
  add(0, { target: "10.0.0.2:6379" });
  assert.deepEqual(windows.advance(at(2.2)), [{ cluster: "default", asOfMs: at(1), complete: true }]);
  add(1, {});
  assert.deepEqual(windows.advance(at(3.9)), []);
  assert.deepEqual(windows.advance(at(4)), [{ cluster: "default", asOfMs: at(2), complete: false }]);
});

test("a pane has come when its early parts have come too, in every bucket that the slots touch", () => {
  const { windows, add } = setUp();
  const slots = [[0, 16_383]] as const;
  windows.expect(makeReport({ atMs: at(0), slots }));
  windows.advance(at(2));
  add(0, { slots, buckets: 2, bucket: 0, part: 1 });
  add(0, { slots, buckets: 2, bucket: 1 });
  assert.deepEqual(windows.advance(at(2.1)), []);
  add(0, { slots, buckets: 2, bucket: 0, part: 0, closing: false });
  assert.equal(windows.advance(at(2.2))[0]?.complete, true);
});

test("blind is not quiet: a window that reaches back before anyone looked is not complete", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(1.5) }));
  for (let second = 0; second < 13; second++) {
    add(second, { rows: [{ key: "k", write: 5 }] });
    windows.advance(at(second + 1.2));
    if (second >= 1) assert.equal(closed("k").complete, second >= 11, `second ${second}`);
  }
  assert.deepEqual(closed("k").counts.total, { estimate: 50, lower: 50, upper: 50, likely: null });
  // Bounds speak of what happened since somebody looked.
  assert.deepEqual(closed("k", 60_000).counts.total, { estimate: 65, lower: 65, upper: 65, likely: null });
  assert.equal(closed("k", 60_000).complete, false);
});

test("the pane in which a watch began may be partial, one after a source went down may not", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(1.01) }));
  for (let second = 0; second < 4; second++)
    add(second, { complete: second !== 0, rows: [{ key: "k", write: 5 }] });
  windows.advance(at(4.2));
  assert.equal(closed("k").counts.total.upper, 20);
  add(4, { complete: false, rows: [{ key: "k", write: 5 }] });
  windows.advance(at(5.2));
  assert.equal(closed("k").counts.total.upper, null);
});

test("a target that is expected but was never watched has no upper bound", () => {
  const { windows, add, closed } = setUp();
  const down = {
    source: "keyspace",
    state: "down",
    sinceMs: 0,
    gaps: 0,
    probability: 1,
    reason: "away",
  } as const;
  windows.expect(makeReport({ atMs: at(1.01), sources: [down] }));
  for (let second = 0; second < 4; second++) add(second, { rows: [{ key: "k", write: 5 }] });
  windows.advance(at(4.2));
  assert.equal(closed("k").counts.total.upper, null);
  assert.equal(closed("k").complete, false);
});

test("a missing pane makes windows incomplete, and its late coming makes them whole again", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 12; second++)
    if (second !== 8) add(second, { rows: [{ key: "k", write: 5 }] });
  windows.advance(at(14));
  assert.deepEqual([closed("k").complete, closed("k").counts.total.upper], [false, null]);
  assert.equal(closed("k").clearing.total, null);
  assert.equal(windows.top("default", W, 5).complete, false);
  assert.equal(add(8, { rows: [{ key: "k", write: 5 }] }, at(14)).outcome, "kept");
  assert.deepEqual(closed("k").counts.total, { estimate: 50, lower: 50, upper: 50, likely: null });
  assert.equal(closed("k").complete, true);
});

test("a pane that says something was missed leaves no upper bound, and none to clear by", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 10; second++) {
    add(second, { complete: second !== 4, rows: [{ key: "k", write: 5 }] });
  }
  windows.advance(at(10.5));
  assert.equal(closed("k").complete, false);
  assert.deepEqual(closed("k").counts.total, { estimate: 50, lower: 50, upper: null, likely: null });
  assert.equal(closed("k").clearing.total, null);
});

test("a missing shard says nothing against the keys of the others", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  const [low, high] = [[[0, 8191]], [[8192, 16_383]]] as const;
  windows.expect(makeReport({ atMs: at(-60), target: "low", slots: low }));
  windows.expect(makeReport({ atMs: at(-60), target: "high", slots: high }));
  // "foo" has slot 12182, "bar" 5061.
  for (let second = 0; second < 10; second++)
    add(second, { target: "high", slots: high, rows: [{ key: "foo", write: 1 }] });
  windows.advance(at(12));
  assert.equal(windows.top("default", W, 1).complete, false);
  assert.equal(closed("foo").complete, true);
  assert.deepEqual(closed("foo").counts.write, { estimate: 10, lower: 10, upper: 10, likely: null });
  assert.equal(closed("foo").slot, 12_182);
  assert.equal(closed("bar").complete, false);
});

test("a replica that only sees misses leaves no gap in the writes", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  windows.expect(makeReport({ atMs: at(-60), target: "replica", role: "replica" }));
  for (let second = 0; second < 10; second++) {
    add(second, { rows: [{ key: "k", write: 3 }] });
    add(second, { target: "replica", sees: ["miss"], rows: [{ key: "k", miss: 2 }] });
  }
  windows.advance(at(10.5));
  assert.deepEqual(closed("k").counts.write, { estimate: 30, lower: 30, upper: 30, likely: null });
  assert.deepEqual(closed("k").counts.total, { estimate: 50, lower: 50, upper: 50, likely: null });
});

test("a target that is forgotten, switched off, or silent for an hour is waited for no longer", () => {
  const { windows } = setUp();
  const off = makeReport({ atMs: at(5), target: "off", sources: [] });
  for (const target of ["gone", "off", "silent"]) windows.expect(makeReport({ atMs: at(0), target }));
  windows.expect({ ...off, agent: "agent-b" });
  windows.forget("default", "gone");
  windows.advance(at(3599));
  assert.deepEqual(windows.clusters(), ["default"]);
  windows.expect(off);
  windows.advance(at(3599.5));
  assert.deepEqual(windows.clusters(), ["default"]);
  windows.advance(at(3602));
  assert.deepEqual(windows.clusters(), []);
});

test("a part that comes again changes nothing", () => {
  const { windows, ledger, add, closed } = setUp();
  assert.equal(add(0, { rows: [{ key: "k", write: 5 }] }).outcome, "kept");
  const again = add(0, { rows: [{ key: "k", write: 5 }] });
  assert.deepEqual(again, { outcome: "duplicate", touched: [] });
  windows.advance(at(4));
  assert.equal(closed("k").counts.write.lower, 5);
  assert.deepEqual(ledger.books().dropped, { duplicate: 1 });
});

test("a part that no window covers is late, one from the future is turned away, and each agent is named once", () => {
  const warnings: object[] = [];
  const logger = {
    ...silentLogger,
    warn: (facts: object) => warnings.push(facts),
  } as unknown as typeof silentLogger;
  const { windows, ledger, add } = setUp({ logger });
  windows.expect(makeReport({ atMs: at(0) }));
  windows.advance(at(80));
  assert.equal(add(17, {}, at(80)).outcome, "late");
  assert.equal(add(18, {}, at(80)).outcome, "kept");
  assert.equal(add(85, {}, at(80)).outcome, "kept");
  assert.equal(add(86, {}, at(80)).outcome, "future");
  assert.equal(add(87, {}, at(80)).outcome, "future");
  assert.equal(warnings.length, 2);
  assert.deepEqual(ledger.books().dropped, { late: 1, future: 2 });
  assert.equal(unaccounted(ledger.books()), 0);
});

test("the running window takes in early parts of the open pane and never spans more than its length", () => {
  const { windows, add } = setUp();
  for (let second = 0; second < 10; second++) add(second, { rows: [{ key: "k", write: 100 }] });
  const early = add(10, { closing: false, rows: [{ key: "k", write: 40 }] }, at(10.4));
  const [handle] = early.touched;
  const heat = windows.running("default", handle!, W);
  assert.deepEqual([heat.asOfMs, heat.counts.total.lower], [at(11), 940]);
  assert.equal(windows.runningFiringMax("default", handle!, W, "total"), 940);
  assert.equal(heat.complete, false);
  add(10, { closing: false, part: 1, rows: [{ key: "k", write: 30 }] }, at(10.6));
  assert.equal(windows.runningFiringMax("default", handle!, W, "write"), 970);
});

test("an agent whose clock is ahead does not push the running window past what the others say", () => {
  const { windows, add } = setUp();
  for (let second = 0; second < 10; second++) add(second, { rows: [{ key: "k", write: 100 }] });
  add(14, { agent: "ahead", target: "other" }, at(10.1));
  const handle = windows.handleOf(keyOf("k"))!;
  assert.equal(windows.runningFiringMax("default", handle, W, "total"), 800);
});

test("of two agents that watch one target one counts: the complete pane, else the one that saw more", () => {
  const { windows, ledger, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  const more = {
    agent: "b",
    complete: false,
    rows: [
      { key: "k", write: 9 },
      { key: "only-b", write: 1 },
    ],
  };
  assert.equal(add(0, { agent: "a", complete: false, rows: [{ key: "k", write: 5 }] }).outcome, "kept");
  const swapped = add(0, more);
  assert.equal(swapped.outcome, "kept");
  assert.equal(swapped.touched.length, 2);
  assert.equal(add(0, { agent: "c", rows: [{ key: "k", write: 7 }] }).outcome, "kept");
  assert.equal(add(0, { agent: "d", complete: false, rows: [{ key: "k", write: 50 }] }).outcome, "unused");
  windows.advance(at(3));
  assert.equal(closed("k").counts.write.lower, 7);
  assert.equal(closed("only-b").counts.write.lower, 0);
  assert.deepEqual(ledger.books(), { stage: "windows", received: 4, kept: 4, dropped: {} });
});

test("of two agents that both missed nothing one speaks in every pane: what lies between two panes counts once", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  // One access between the two seconds, which one agent counts in the first and the other in the second.
  for (const [agent, first, second] of [
    ["a", 5, 6],
    ["b", 6, 5],
  ] as const) {
    add(0, { agent, rows: [{ key: "k", write: first }] });
    add(1, { agent, rows: [{ key: "k", write: second }] });
  }
  windows.advance(at(3));
  assert.equal(closed("k").counts.write.lower, 11);
});

test("the one that misses nothing speaks in every pane of the window, however late it is known that the other missed some", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 18; second++) {
    // Ten accesses a second, and one on the line between two: "a" counts it in the first of them, "b" in the second.
    const a = { agent: "a", complete: second !== 12, rows: [{ key: "k", write: second === 12 ? 11 : 10 }] };
    const b = { agent: "b", rows: [{ key: "k", write: second === 13 ? 11 : 10 }] };
    // Who is first tells nothing.
    for (const part of second % 2 === 0 ? [a, b] : [b, a]) add(second, part);
    windows.advance(at(second + 1.2));
  }
  assert.deepEqual(closed("k").counts.write, { estimate: 101, lower: 101, upper: 101, likely: null });
});

test("panes of several agents of clients hold different accesses and are added, beside the server's", () => {
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  const clients = { vantage: "clients", sees: ["read", "write", "miss"], complete: false } as const;
  for (let second = 0; second < 10; second++) {
    add(second, { ...clients, agent: "a", rows: [{ key: "k", read: 10, write: 1, currentPerSecond: 11 }] });
    add(second, { ...clients, agent: "b", rows: [{ key: "k", read: 20, currentPerSecond: 20 }] });
    add(second, { agent: "a", rows: [{ key: "k", write: 4, currentPerSecond: 4 }] });
  }
  windows.advance(at(10.5));
  const heat = closed("k");
  assert.deepEqual(heat.counts.read, { estimate: 300, lower: 300, upper: null, likely: null });
  assert.deepEqual(heat.counts.write, { estimate: 40, lower: 40, upper: 40, likely: null });
  assert.equal(heat.counts.total.lower, 340);
  assert.equal(heat.clearing.read, 300);
  assert.equal(heat.currentRatePerSecond, 31);
  assert.deepEqual(heat.vantages, { read: "clients", write: "server-events", miss: "server-events" });
});

test("a vantage that calls itself complete but surely missed something loses its upper bound, and that is counted", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 10; second++) {
    add(second, { rows: [{ key: "k", write: 4 }] });
    add(second, { vantage: "clients", sees: ["write"], complete: false, rows: [{ key: "k", write: 6 }] });
  }
  windows.advance(at(10.5));
  assert.equal(windows.disprovedUppers, 0);
  assert.deepEqual(closed("k").counts.write, { estimate: 60, lower: 60, upper: null, likely: null });
  assert.ok(windows.disprovedUppers > 0);
});

test("when one of several client agents falls silent, its key has no bound to clear by", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  const clients = { vantage: "clients", sees: ["read"], complete: false } as const;
  for (let second = 0; second < 20; second++) {
    add(second, { ...clients, agent: "a", rows: [{ key: "k", read: 10 }] });
    if (second < 12) add(second, { ...clients, agent: "b", rows: [{ key: "k", read: 20 }] });
  }
  windows.advance(at(20));
  assert.equal(closed("k").clearing.read, null);
});

test("a pane merged from several counts in windows that hold it whole, and raises the upper bound of others", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  const merged = makePart({
    startMs: at(0),
    lengthMs: W,
    floor: 3,
    rows: [{ key: "k", write: 70, miss: 2, error: 1 }],
  });
  assert.equal(windows.add(merged, at(11)).outcome, "kept");
  windows.advance(at(11.5));
  assert.deepEqual(closed("k").counts.total, { estimate: 72, lower: 72, upper: 73, likely: null });
  assert.deepEqual(closed("other").counts.total, { estimate: 1, lower: 0, upper: 3, likely: null });
  for (let second = 10; second < 14; second++) add(second, { rows: [{ key: "k", write: 1 }] });
  windows.advance(at(14.5));
  assert.deepEqual(closed("k").counts.total, { estimate: 40, lower: 4, upper: 77, likely: null });
  assert.equal(closed("k").complete, true);
});

test("a merged pane of one agent is not counted beside finer panes of another", () => {
  for (const mergedFirst of [true, false]) {
    const { windows, add, closed } = setUp({ windowsMs: [W] });
    const merged = () =>
      windows.add(
        makePart({ agent: "b", startMs: at(0), lengthMs: W, rows: [{ key: "k", write: 50 }] }),
        at(11),
      );
    if (mergedFirst) assert.equal(merged().outcome, "kept");
    for (let second = 5; second < 10; second++) add(second, { rows: [{ key: "k", write: 5 }] }, at(11));
    if (!mergedFirst) assert.equal(merged().outcome, "unused");
    windows.advance(at(12));
    assert.equal(closed("k").counts.write.lower, 25);
  }
});

test("what has no room is left out at the door, and the floor keeps the bounds true", () => {
  const { windows, add, closed } = setUp({ keyBudget: new ByteBudget(120) });
  windows.expect(makeReport({ atMs: at(-60) }));
  const rows = [
    { key: "small", write: 3 },
    { key: "large", write: 90, maybe: 1 },
    { key: "medium", write: 20, maybe: 2, error: 1 },
    { key: "middle", write: 40 },
  ];
  for (let second = 0; second < 10; second++) add(second, { rows, floor: 1 });
  windows.advance(at(10.5));
  assert.deepEqual(closed("large").counts.total, { estimate: 905, lower: 900, upper: 910, likely: null });
  assert.deepEqual(closed("middle").counts.total, { estimate: 400, lower: 400, upper: 400, likely: null });
  assert.equal(windows.handleOf(keyOf("medium")), undefined);
  assert.deepEqual(closed("medium").counts.total, { estimate: 115, lower: 0, upper: 230, likely: null });
  const entries = windows.books().find(({ stage }) => stage === "window-entries")!;
  assert.deepEqual(entries, { stage: "window-entries", received: 40, kept: 20, dropped: { truncated: 20 } });
});

test("where parts take too much memory their entries are left out, and at last the parts are refused", () => {
  const { windows, ledger, add, closed } = setUp({ partBudget: new ByteBudget(1100) });
  windows.expect(makeReport({ atMs: at(-60) }));
  assert.equal(add(0, { rows: [{ key: "k", write: 5 }] }).outcome, "kept");
  assert.equal(
    add(1, {
      rows: [
        { key: "k", write: 5 },
        { key: "l", write: 7 },
        { key: "m", write: 6 },
      ],
    }).outcome,
    "kept",
  );
  assert.equal(add(2, { rows: [{ key: "k", write: 5 }] }).outcome, "refused");
  assert.deepEqual(ledger.books().dropped, { refused: 1 });
  windows.advance(at(2.9));
  assert.equal(closed("l").counts.write.lower, 7);
  assert.equal(closed("k").counts.write.lower, 5);
});

test("malformed parts and those divided into other buckets are refused", () => {
  const { add, ledger } = setUp({ buckets: 12 });
  const slots = [[0, 99]] as const;
  const rows = [{ key: "k", write: Number.NaN }];
  assert.equal(add(0, { rows, total: { read: 0, write: 0, miss: 0 } }).outcome, "refused");
  assert.equal(add(0, { rows: [{ key: "k", write: 0.5 }] }).outcome, "refused");
  assert.equal(add(0, { rows: [{ key: "k", write: -1 }] }).outcome, "refused");
  assert.equal(add(0, { rows: [{ key: Buffer.alloc(2000) }] }).outcome, "refused");
  assert.equal(add(0, { lengthMs: 1500 }).outcome, "refused");
  assert.equal(add(0, { startMs: at(0.5) }).outcome, "refused");
  assert.equal(add(0, { bucket: 3, buckets: 2 }).outcome, "refused");
  assert.equal(add(0, { slots, buckets: 6 }).outcome, "refused");
  assert.equal(add(0, { slots: [[5, 16_384]], buckets: 12 }).outcome, "refused");
  assert.equal(add(0, { slots, buckets: 12 }).outcome, "kept");
  assert.deepEqual(ledger.books().dropped, { refused: 9 });
});

test("the share is of what the server ran, and open panes count with what was seen in them", () => {
  const { windows, add, closed } = setUp();
  const totals = { observed: { read: 0, write: 100, miss: 0 }, ran: { read: 300, write: 100 } };
  for (let second = 0; second < 10; second++) {
    add(second, { totals, rows: [{ key: "k", write: 80 }] });
    // The other vantage's parts carry the same totals: they are not added.
    add(second, { vantage: "clients", sees: ["read"], complete: false, totals });
  }
  windows.advance(at(12));
  assert.equal(closed("k").shareOfTarget, 0.2);
  const { touched } = add(10, { closing: false, rows: [{ key: "k", write: 400 }] }, at(10.5));
  // 9 whole seconds of 400, and 400 seen of the open one.
  assert.equal(windows.running("default", touched[0]!, W).shareOfTarget, (9 * 80 + 400) / (9 * 400 + 400));
});

test("where the server tells only its writes, like is divided by like; where nothing, no share is known", () => {
  const { windows, add, closed } = setUp();
  const observed = { read: 0, write: 90, miss: 9 };
  for (let second = 0; second < 10; second++) {
    const ran = { read: null, write: 100 };
    add(second, { totals: { observed, ran }, rows: [{ key: "k", write: 50, miss: 9 }] });
    const unknown = { read: null, write: null };
    add(second, { target: "dark", totals: { observed, ran: unknown }, rows: [{ key: "d", write: 50 }] });
  }
  windows.advance(at(12));
  assert.equal(closed("k").shareOfTarget, 0.5);
  assert.equal(closed("d").shareOfTarget, null);
});

test("the floor of one shard, and of one bucket, widens no bound elsewhere", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  // "foo" has slot 12182 (of two buckets the second), "bar" 5061, "hello" 866.
  const [low, high] = [[[0, 4999]], [[5000, 16_383]]] as const;
  windows.expect(makeReport({ atMs: at(-60), target: "low", slots: low }));
  windows.expect(makeReport({ atMs: at(-60), target: "high", slots: high }));
  for (let second = 0; second < 10; second++) {
    const rows = [{ key: "foo", write: 9 }];
    add(second, { target: "low", slots: low, buckets: 2, floor: 7 });
    add(second, { target: "high", slots: high, buckets: 2, bucket: 0, floor: 5 });
    add(second, { target: "high", slots: high, buckets: 2, bucket: 1, floor: 3, rows });
  }
  windows.advance(at(10.5));
  assert.deepEqual(closed("foo").counts.total, { estimate: 90, lower: 90, upper: 90, likely: null });
  assert.equal(closed("bar").counts.total.upper, 50);
  assert.equal(closed("hello").counts.total.upper, 70);
});

test("commands are summed over the window, the most frequent first, whatever they are called", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  for (let second = 0; second < 12; second++) {
    add(second, { rows: [{ key: "k", write: 30, commands: { incr: 10, set: 15, ["__proto__"]: 5 } }] });
  }
  windows.advance(at(14));
  const { commands } = closed("k");
  assert.deepEqual(Object.entries(commands), [
    ["set", 150],
    ["incr", 100],
    ["__proto__", 50],
  ]);
});

test("the current rate is that of the newest part, and falls to nothing when no part names the key", () => {
  const { windows, add, closed } = setUp();
  add(0, {
    rows: [
      { key: "k", write: 100, currentPerSecond: 90 },
      { key: "plain", write: 8 },
    ],
  });
  add(1, { closing: false, rows: [{ key: "k", write: 5, currentPerSecond: 20_000 }] }, at(1.3));
  assert.equal(closed("k").currentRatePerSecond, 20_000);
  assert.equal(closed("plain").currentRatePerSecond, 8);
  // One that was overtaken on its way is not the newest.
  add(0, { target: "slow", rows: [{ key: "k", write: 1, currentPerSecond: 1 }] }, at(1.4));
  assert.equal(closed("k").currentRatePerSecond, 20_000);
  add(3, {});
  windows.advance(at(4.1));
  assert.equal(closed("k").currentRatePerSecond, 0);
});

test("the top ranks by the estimate, equals by their bytes, and only what the window has seen", () => {
  const { windows, add } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  add(0, { rows: [{ key: "old", write: 1000 }] });
  for (let second = 11; second < 21; second++) {
    const rows = ["d", "b", "c", "a"].map((key) => ({ key, write: 5 }));
    add(second, {
      floor: 2,
      rows: [...rows, { key: "doubted", write: 1, maybe: 30 }, { key: "e", write: 4 }],
    });
  }
  windows.advance(at(22));
  const names = (limit: number) =>
    windows.top("default", W, limit).heats.map(({ key }) => Buffer.from(key.bytes).toString());
  assert.deepEqual(names(3), ["doubted", "a", "b"]);
  assert.deepEqual(names(99), ["doubted", "a", "b", "c", "d", "e"]);
  assert.deepEqual(names(0), []);
  assert.equal(windows.top("default", 60_000, 1).heats[0]?.counts.total.lower, 1000);
});

test("the top is the sorted list of all heats, cut off", () => {
  const { windows, add } = setUp({ windowsMs: [W] });
  const next = wholeNumbers(1);
  for (let second = 0; second < 10; second++) {
    const rows = Array.from({ length: 60 }, (_, i) => ({ key: `key:${i}`, write: next(50), maybe: next(9) }));
    add(second, { rows });
    add(second, {
      vantage: "clients",
      sees: ["read", "write"],
      rows: rows.slice(0, 30).map(({ key }) => ({ key, read: next(70) })),
    });
  }
  windows.advance(at(12));
  const all = windows.top("default", W, 1000).heats;
  const estimates = all.map(({ counts }) => counts.total.estimate);
  assert.equal(all.length, 60);
  assert.deepEqual(
    estimates,
    estimates.toSorted((a, b) => b - a),
  );
  assert.deepEqual(windows.top("default", W, 7).heats, all.slice(0, 7));
});

test("of a key that no part names any more the floors still speak, and of an unheard cluster nothing is known", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  add(0, { rows: [{ key: "k", write: 500 }] });
  for (let second = 1; second < 12; second++) add(second, { floor: 2 });
  windows.advance(at(12));
  const heat = closed("k");
  assert.equal(windows.handleOf(keyOf("k")), undefined);
  assert.deepEqual(heat.counts.total, { estimate: 10, lower: 0, upper: 20, likely: null });
  assert.deepEqual([heat.complete, heat.clearing.total, heat.currentRatePerSecond], [true, 20, 0]);
  const unheard = windows.closedOf({ ...keyOf("k"), cluster: "elsewhere" }, W);
  assert.deepEqual([unheard.complete, unheard.clearing.total], [false, null]);
  assert.deepEqual(windows.top("elsewhere", W, 5).heats, []);
});

test("keys of a database are their own, and so are those of a cluster", () => {
  const { windows, add, closed } = setUp();
  add(0, {
    rows: [
      { key: "k", write: 5 },
      { key: "k", db: 1, write: 7 },
    ],
  });
  add(0, { cluster: "shop", rows: [{ key: "k", write: 11 }] });
  windows.advance(at(4));
  assert.equal(closed("k").counts.write.lower, 5);
  assert.equal(windows.closedOf({ ...keyOf("k"), db: 1 }, W).counts.write.lower, 7);
  assert.equal(windows.closedOf({ ...keyOf("k"), cluster: "shop" }, W).counts.write.lower, 11);
  assert.deepEqual(windows.clusters(), ["default", "shop"]);
});

test("after a long pause the windows catch up without closing every hop of it", () => {
  const { windows, add, closed } = setUp();
  add(0, { rows: [{ key: "k", write: 5 }] });
  const hops = windows.advance(at(500_000));
  assert.ok(hops.length <= 62, `${hops.length} hops`);
  assert.equal(closed("k").counts.write.lower, 0);
  assert.deepEqual(windows.clusters(), []);
});

test("when the clock is set back, the windows start again instead of calling everything late", () => {
  const { windows, add } = setUp();
  add(0, { rows: [{ key: "k", write: 5 }] });
  windows.advance(at(10));
  assert.equal(add(-3600, { rows: [{ key: "k", write: 6 }] }).outcome, "kept");
  windows.advance(at(-3590));
  assert.equal(windows.closedOf(keyOf("k"), W).counts.write.lower, 6);
});

test("a handle that stands for no key is an error, not another key's heat", () => {
  const { windows } = setUp();
  assert.throws(() => windows.running("default", 3, W), RangeError);
  assert.throws(() => windows.keyOf("default", -1), RangeError);
});
