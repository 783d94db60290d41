import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultConfig } from "../../../src/config/load.ts";
import { firingCount } from "../../../src/model/heat.ts";
import { judgeRate } from "../../../src/rules/rate.ts";
import { makeReport, type PartFields } from "../../support/parts.ts";
import { wholeNumbers } from "../../support/random.ts";
import { at, keyOf, setUp, W } from "./setup.ts";

/** Seconds 0 to 9, of each of which `fieldsOf` gives the part. */
function tenSeconds(fieldsOf: (second: number) => PartFields) {
  const rig = setUp();
  rig.windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 10; second++) rig.add(second, fieldsOf(second));
  rig.windows.advance(at(10.5));
  return rig;
}

const CLIENTS = { vantage: "clients", sees: ["read", "write"], complete: false } as const;

test("a sampled window is not complete, but has likely bounds around the scaled count", () => {
  const { closed, windows } = tenSeconds(() => ({ probability: 1 / 8, rows: [{ key: "k", write: 100 }] }));
  const { complete, counts, clearing } = closed("k");
  assert.equal(complete, false);
  assert.equal(windows.top("default", W, 1).complete, false);
  const { estimate, lower, upper, likely } = counts.total;
  assert.deepEqual([estimate, lower, upper], [8000, 1000, null]);
  // Three standard deviations of 1000 kept of 8000 are 3 * sqrt(8000 * 7) = 710.
  assert.deepEqual(likely, { lower: 7313, upper: 8743 });
  assert.equal(clearing.total, 8743);
  assert.deepEqual(counts.write, counts.total);
  assert.deepEqual(counts.miss.likely, { lower: 0, upper: 63 });
});

test("one sampled second of ten scales its own counts only", () => {
  const { closed } = tenSeconds((second) => ({
    probability: second === 3 ? 1 / 8 : 1,
    rows: [{ key: "k", write: second === 3 ? 100 : 800 }],
  }));
  const { estimate, lower, upper, likely } = closed("k").counts.total;
  assert.deepEqual([estimate, lower, upper], [8000, 7300, null]);
  assert.ok(likely !== null && likely.lower > 7750 && likely.upper! < 8300, JSON.stringify(likely));
});

test("seconds that were sampled differently are scaled each by its own, with the doubt of the thinnest", () => {
  const { closed } = tenSeconds((second) => ({
    probability: second % 2 === 0 ? 1 / 2 : 1 / 16,
    rows: [{ key: "k", write: second % 2 === 0 ? 400 : 50 }],
  }));
  const { estimate, lower, likely } = closed("k").counts.total;
  assert.deepEqual([estimate, lower], [8000, 2250]);
  assert.ok(likely !== null && likely.lower > 6900 && likely.lower < 7300 && likely.upper! > 8600);
});

test("doubts and floors are scaled, and the estimate stands in the middle of them", () => {
  const { closed } = tenSeconds(() => ({
    probability: 0.5,
    floor: 6,
    rows: [{ key: "k", write: 100, maybe: 3, error: 5 }],
  }));
  const { estimate, lower, likely } = closed("k").counts.total;
  assert.deepEqual([estimate, lower], [2080, 1000]);
  assert.ok(likely!.lower < 2000 && likely!.upper! > 2160 + 130);
  const { counts } = closed("unseen");
  assert.deepEqual([counts.total.estimate, counts.total.lower], [60, 0]);
  assert.ok(counts.total.likely!.upper! > 120);
});

test("when the sampled seconds have left the window, it is as if they had never been", () => {
  const { add, windows, closed } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 25; second++) {
    const isSampled = second >= 4 && second < 9;
    const sampling = isSampled ? { probability: 0.3, watchedShare: 0.7 } : {};
    add(second, { ...sampling, floor: 2, rows: [{ key: "k", write: 50, error: 1 }] });
    windows.advance(at(second + 1.5));
    const isFree = second < 4 || second >= 18;
    assert.equal(closed("k").counts.total.likely === null, isFree, `second ${second}`);
  }
  const heat = closed("k");
  assert.deepEqual(heat.counts.total, { estimate: 505, lower: 500, upper: 510, likely: null });
  assert.deepEqual([heat.complete, heat.clearing.total], [true, 510]);
});

test("of time that was not watched on purpose the estimate assumes the same, and nothing is likely", () => {
  const { closed } = tenSeconds(() => ({ watchedShare: 0.25, rows: [{ key: "k", write: 100, maybe: 4 }] }));
  const { complete, counts, clearing } = closed("k");
  // In the middle of 4000 and 4160.
  assert.deepEqual(counts.total, { estimate: 4080, lower: 1000, upper: null, likely: null });
  assert.deepEqual([complete, clearing.total], [false, 4160]);
});

test("under both, the likely bounds are of the watched time alone, and have no upper end", () => {
  const { closed } = tenSeconds(() => ({
    probability: 0.5,
    watchedShare: 0.25,
    rows: [{ key: "k", write: 100 }],
  }));
  const { counts, clearing } = closed("k");
  assert.deepEqual([counts.total.estimate, counts.total.lower], [8000, 1000]);
  const { lower, upper } = counts.total.likely!;
  assert.ok(lower > 1800 && lower < 2000 && upper === null);
  assert.ok(clearing.total! > 8100 && clearing.total! < 8200, `${clearing.total}`);
});

test("a complete pane of another agent takes the place of a sampled one, and the sampled one that of a broken one", () => {
  const { closed } = tenSeconds(() => ({ probability: 1 / 8, rows: [{ key: "k", write: 100 }] }));
  assert.equal(closed("k").counts.total.lower, 1000);
  const rig = tenSeconds(() => ({ probability: 1 / 8, rows: [{ key: "k", write: 100 }] }));
  for (let second = 0; second < 10; second++) {
    const broken = { agent: "agent-b", complete: false, rows: [{ key: "k", write: 700 }] };
    assert.equal(rig.add(second, broken, at(10.6)).outcome, "unused");
    const whole = { agent: "agent-c", rows: [{ key: "k", write: 790 }] };
    assert.equal(rig.add(second, whole, at(10.6)).outcome, "kept");
    const more = { agent: "agent-d", probability: 0.99, rows: [{ key: "k", write: 795 }] };
    assert.equal(rig.add(second, more, at(10.6)).outcome, "unused");
  }
  const heat = rig.closed("k");
  assert.deepEqual(heat.counts.total, { estimate: 7900, lower: 7900, upper: 7900, likely: null });
  assert.equal(heat.complete, true);
});

test("a sampled vantage beside a complete one neither pushes its number up nor takes its upper bound away", () => {
  const { closed, windows, add } = tenSeconds(() => ({ rows: [{ key: "k", write: 100 }] }));
  for (let second = 0; second < 10; second++) {
    add(second, { ...CLIENTS, probability: 0.1, rows: [{ key: "k", write: 11, read: 20 }] }, at(10.6));
  }
  const { counts, vantages, complete } = closed("k");
  assert.deepEqual(counts.write, { estimate: 1000, lower: 1000, upper: 1000, likely: null });
  assert.deepEqual([counts.read.estimate, counts.read.lower, counts.read.upper], [2000, 200, null]);
  assert.ok(counts.read.likely!.lower > 1500 && counts.read.likely!.upper === null);
  assert.deepEqual(vantages, { write: "server-events", read: "clients", miss: "server-events" });
  assert.equal(counts.total.estimate, 3000);
  assert.deepEqual([complete, windows.disprovedUppers], [true, 0]);
});

test("a rule fires under sampling once the truth is well above its threshold, and clears when it is well below", () => {
  const rule = { ...defaultConfig({ redisUrls: ["redis://10.0.0.1:6379"] }).rules[0]!, minShare: 0 };
  const verdictAt = (perSecond: number) => {
    const sampled = { probability: 1 / 8, rows: [{ key: "k", write: perSecond / 8 }] };
    const { closed } = tenSeconds(() => sampled);
    return judgeRate(rule, closed("k")).verdict;
  };
  // Threshold 1000/s; three standard deviations of 10,000 at 1 of 8 are 794.
  assert.equal(verdictAt(1000), "between");
  assert.equal(verdictAt(1120), "hot");
  assert.equal(verdictAt(760), "between");
  assert.equal(verdictAt(680), "calm");
  assert.equal(verdictAt(0), "calm");
});

test("under sampling too, what has a gap, or did not come, calls nothing calm", () => {
  const gap = tenSeconds((second) => ({ probability: 1 / 8, complete: second !== 4 })).closed("k");
  assert.deepEqual([gap.clearing.total, gap.counts.total.likely], [null, { lower: 0, upper: null }]);
  const { windows, add, closed } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  for (let second = 0; second < 10; second++) if (second !== 4) add(second, { probability: 1 / 8 });
  windows.advance(at(13));
  assert.equal(closed("k").clearing.total, null);
});

test("a sampled shard says nothing against the keys of the others", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  const [low, high] = [[[0, 8191]], [[8192, 16_383]]] as const;
  windows.expect(makeReport({ atMs: at(-60), target: "low", slots: low }));
  windows.expect(makeReport({ atMs: at(-60), target: "high", slots: high }));
  // "foo" has slot 12182, "bar" 5061.
  for (let second = 0; second < 10; second++) {
    add(second, { target: "low", slots: low, probability: 1 / 1024, rows: [{ key: "bar", write: 3 }] });
    add(second, { target: "high", slots: high, rows: [{ key: "foo", write: 20 }] });
  }
  windows.advance(at(10.5));
  assert.deepEqual(closed("foo").counts.total, { estimate: 200, lower: 200, upper: 200, likely: null });
  assert.deepEqual([closed("foo").complete, closed("foo").clearing.total], [true, 200]);
  assert.deepEqual([closed("bar").complete, closed("bar").counts.total.estimate], [false, 30_720]);
  assert.notEqual(closed("bar").counts.total.likely, null);
});

test("a key that a sampled shard still has, though its slot has moved, is doubted as it was sampled", () => {
  const { windows, add, closed } = setUp({ windowsMs: [W] });
  const [low, high] = [[[0, 8191]], [[8192, 16_383]]] as const;
  windows.expect(makeReport({ atMs: at(-60), target: "low", slots: low }));
  for (const isHighSeen of [false, true]) {
    if (isHighSeen) windows.expect(makeReport({ atMs: at(-60), target: "high", slots: high }));
    for (let second = 0; second < 10; second++) {
      const rows = second === 0 ? [{ key: "foo", write: 50 }] : [];
      add(second, { target: "low", slots: low, probability: 1 / 8, rows });
      if (isHighSeen) add(second, { target: "high", slots: high });
    }
    windows.advance(at(12));
    const { estimate, lower, likely } = closed("foo").counts.total;
    assert.deepEqual([estimate, lower], [400, 50]);
    assert.ok(likely!.lower > 200 && likely!.lower < 300, JSON.stringify(likely));
  }
});

test("while a pane is open, the check before a rule is never below what the rule fires on", () => {
  const { windows, add } = setUp();
  windows.expect(makeReport({ atMs: at(-60) }));
  let before = 0;
  for (let part = 0; part < 8; part++) {
    const rows = [{ key: "k", write: 30, miss: 10 }];
    const [handle] = add(0, { probability: 0.3, closing: false, part, rows }, at(0.5)).touched;
    const firing = firingCount(windows.running("default", handle!, W).counts.total);
    assert.ok(windows.runningFiringMax("default", handle!, W, "total") >= firing);
    assert.ok(firing > before, `${firing} after ${before}`);
    before = firing;
  }
});

test("the top ranks by scaled estimates, whatever was sampled", () => {
  const { windows, add } = setUp({ windowsMs: [W] });
  const next = wholeNumbers(3);
  for (let second = 0; second < 10; second++) {
    const rows = Array.from({ length: 60 }, (_, i) => ({ key: `key:${i}`, write: next(50), maybe: next(9) }));
    const sampling = { probability: [1, 0.5, 0.3][next(3)]!, watchedShare: [1, 0.4][next(2)]! };
    add(second, { ...sampling, rows: rows.slice(next(20)), floor: 60 });
    const reads = rows.slice(0, 30).map(({ key }) => ({ key, read: next(70), write: next(20) }));
    add(second, { ...CLIENTS, probability: [1, 0.1][next(2)]!, rows: reads });
  }
  windows.advance(at(12));
  const all = windows.top("default", W, 1000).heats;
  const estimates = all.map(({ counts }) => counts.total.estimate);
  assert.equal(all.length, 60);
  assert.deepEqual(
    estimates,
    estimates.toSorted((a, b) => b - a),
  );
  for (const limit of [1, 7, 30])
    assert.deepEqual(windows.top("default", W, limit).heats, all.slice(0, limit));
});

test("commands and the current rate are scaled, and the share is what is likely of the target's total", () => {
  const totals = { observed: { read: 0, write: 100, miss: 0 }, ran: { read: null, write: 800 } };
  const rows = [{ key: "k", write: 100, commands: { set: 100 } }];
  const { closed } = tenSeconds(() => ({ probability: 1 / 8, totals, rows }));
  const { commands, currentRatePerSecond, shareOfTarget } = closed("k");
  assert.deepEqual([commands, currentRatePerSecond], [{ set: 8000 }, 800]);
  assert.equal(shareOfTarget, 7313 / 8000);
});

test("where the server does not tell yet what it ran, what was observed counts scaled", () => {
  const observed = { read: 0, write: 100, miss: 0 };
  const { closed } = tenSeconds((second) => ({
    probability: 1 / 8,
    totals: { observed, ran: { read: null, write: second === 0 ? null : 800 } },
    rows: [{ key: "k", write: 100 }],
  }));
  assert.equal(closed("k").shareOfTarget, 7313 / 8000);
});

test("the share of an open pane is of what was seen in it, scaled", () => {
  const { windows, add } = setUp({ windowsMs: [W] });
  windows.expect(makeReport({ atMs: at(-60) }));
  const ran = { read: null, write: 800 };
  const sampled = { probability: 1 / 8, rows: [{ key: "k", write: 100 }] };
  for (let second = 0; second < 9; second++) {
    add(second, { ...sampled, totals: { observed: { read: 0, write: 100, miss: 0 }, ran } });
  }
  const [handle] = add(9, { ...sampled, closing: false }, at(9.5)).touched;
  assert.equal(windows.running("default", handle!, W).shareOfTarget, 7313 / 8000);
});

test("parts of a sampling that cannot be are refused", () => {
  const { add, ledger } = setUp();
  for (const share of [0, -0.5, 1.5, Number.NaN, 2 ** -40]) {
    assert.equal(add(0, { watchedShare: share }).outcome, "refused");
    assert.equal(add(0, { probability: share }).outcome, "refused");
  }
  // Scaled it would be more than can be added up exactly.
  const tooMany = { probability: 2 ** -20, rows: [{ key: "k", write: 2 ** 11 }] };
  assert.equal(add(0, tooMany).outcome, "refused");
  assert.equal(add(0, { ...tooMany, rows: [{ key: "k", write: 2 ** 10 }] }).outcome, "kept");
  assert.deepEqual(ledger.books().dropped, { refused: 11 });
});

test("of a key that no part names, a sampled window says how much may have gone unseen", () => {
  const { windows, closed } = tenSeconds(() => ({ probability: 1 / 8 }));
  assert.equal(windows.handleOf(keyOf("k")), undefined);
  const { counts, clearing } = closed("k");
  assert.deepEqual(counts.total, { estimate: 0, lower: 0, upper: null, likely: { lower: 0, upper: 63 } });
  assert.equal(clearing.total, 63);
});
