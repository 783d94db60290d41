import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import type { PanePart } from "../../../../src/model/pane.ts";
import fc from "../../../support/fast-check.ts";
import { at, keyOf, setUp } from "../../windows/setup.ts";
import { batchOf, booksOf, makeSource, rowsOf, sample, T0, TARGET } from "./scene.ts";

describe("in little memory", () => {
  it("bounds hold: counted <= true <= counted + error, and the floor for keys that are not named", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(8000), fc.integer({ min: 1, max: 50 })), {
          minLength: 3000,
          maxLength: 8000,
        }),
        fc.integer({ min: 1, max: 2000 }),
        (draws, publish) => {
          const source = makeSource({
            settings: { enabled: true, bytes: 512 * 1024 },
            panes: { length: 1000, publish },
            nowMs: T0,
          });
          const truth = new Map<string, number>();
          const parts: PanePart[] = [];
          draws.forEach(([k, count], i) => {
            // A few keys are much hotter: they leave early.
            const key = `key:${k < 2000 ? k % 7 : k}`;
            truth.set(key, (truth.get(key) ?? 0) + count);
            source.take(batchOf(T0 + 1000, [sample(key, { reads: count })]), T0 + 1000);
            if (i % 1000 === 999) parts.push(...source.round(T0 + 1000));
            assert.ok(source.bytesUsed <= 512 * 1024);
          });
          parts.push(...source.stop());
          const counted = new Map<string, { read: number; error: number }>();
          for (const { key, read, error } of rowsOf(parts)) {
            const sum = counted.get(key) ?? { read: 0, error: 0 };
            counted.set(key, { read: sum.read + read, error: sum.error + error });
          }
          const floor = parts.reduce((sum, part) => sum + part.floor, 0);
          const total = parts.reduce((sum, part) => sum + part.total.read, 0);
          assert.equal(
            total,
            draws.reduce((sum, [, count]) => sum + count, 0),
          );
          const closing = new Set(rowsOf(parts.filter((part) => part.closing)).map(({ key }) => key));
          for (const [key, count] of truth) {
            const { read, error } = counted.get(key) ?? { read: 0, error: 0 };
            const upper = read + error + (closing.has(key) ? 0 : floor);
            assert.ok(read <= count && count <= upper, `${key}: ${read} <= ${count} <= ${upper}`);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it("a flood of keys takes no more of it, and the hot key keeps its count", () => {
    const source = makeSource({ settings: { enabled: true, bytes: 1024 * 1024 } });
    for (let i = 0; i < 200; i++) {
      const noise = Array.from({ length: 1000 }, (_, k) =>
        sample(`${i}:${k}:${"x".repeat(200)}`, { reads: 1, commands: { [`c${k}`]: 1 } }),
      );
      source.take(batchOf(T0 + 1000, [...noise, sample("hot", { reads: 100 })]), T0 + 1000);
      assert.ok(source.bytesUsed <= 1024 * 1024);
    }
    const parts = source.stop();
    const hot = rowsOf(parts).find(({ key }) => key === "hot");
    assert.equal(hot?.read, 20_000);
    assert.equal(source.bytesUsed, 0);
    assert.deepEqual(booksOf(source).dropped, {});
    assert.equal(
      parts.reduce((sum, part) => sum + part.total.read, 0),
      220_000,
    );
  });
});

test("a batch that is posted three times counts once", () => {
  const { windows, ledger } = setUp();
  const source = makeSource({ nowMs: at(0) });
  const batch = batchOf(at(1), [sample("flag:x", { reads: 700 })], { instance: "pod-1", seq: 9 });
  const taken = [1, 2, 3].map(() => source.take(batch, at(1.1)));
  assert.deepEqual(
    taken.map(({ accepted, dropped }) => [accepted, dropped]),
    [
      [1, 0],
      [0, 1],
      [0, 1],
    ],
  );
  for (const part of [...source.round(at(1.2)), ...source.round(at(1.4))]) windows.add(part, at(1.4));
  windows.advance(at(4));
  const { counts } = windows.closedOf(keyOf("flag:x"), 10_000);
  assert.deepEqual([counts.read.lower, counts.read.upper], [700, null]);
  assert.deepEqual(ledger.books().dropped, {});
});

test("20 instances that post to three agents are added up exactly, late and early parts too", () => {
  const { windows, ledger } = setUp();
  const sources = ["agent-a", "agent-b", "agent-c"].map((agent) => makeSource({ agent, nowMs: at(0) }));
  const truth = { reads: 0, writes: 0 };
  const posts: { readonly atMs: number; readonly run: () => void }[] = [];
  for (let second = 1; second <= 8; second++) {
    for (let instance = 0; instance < 20; instance++) {
      const reads = 40 + ((instance * second) % 13) * (second > 4 ? 30 : 1);
      const writes = instance % 3;
      truth.reads += reads;
      truth.writes += writes;
      const samples = [
        sample("flag:x", { reads, writes, absorbed: 2 }),
        sample(`own:${instance}`, { reads: 1 }),
      ];
      const batch = batchOf(at(second), samples, {
        service: instance < 15 ? "checkout" : "search",
        instance: `pod-${instance}`,
        seq: second,
      });
      // Some come late, and each comes twice.
      const delaySeconds = instance % 7 === 0 ? 2.5 : 0.05;
      const source = sources[instance % 3]!;
      const sentMs = at(second + delaySeconds);
      posts.push({ atMs: sentMs, run: () => source.take(batch, sentMs) });
      posts.push({ atMs: sentMs + 300, run: () => source.take(batch, sentMs + 300) });
    }
  }
  const rounds = Array.from({ length: 56 }, (_, i) => at(0.2 * i));
  posts.sort((a, b) => a.atMs - b.atMs);
  for (const nowMs of rounds) {
    while (posts[0] && posts[0].atMs <= nowMs) posts.shift()?.run();
    for (const part of sources.flatMap((source) => source.round(nowMs))) windows.add(part, nowMs);
  }
  windows.advance(at(11));
  const heat = windows.closedOf(keyOf("flag:x"), 10_000);
  assert.equal(heat.counts.read.lower, truth.reads);
  assert.equal(heat.counts.write.lower, truth.writes);
  assert.deepEqual(ledger.books().dropped, {});
  for (const source of sources) assert.ok((booksOf(source).dropped.duplicate ?? 0) > 0);
});

test("reporters whose flushes miss the whole second by up to 30 ms keep the rate of every window", () => {
  const { windows } = setUp({ windowsMs: [2000, 10_000] });
  const source = makeSource({ nowMs: at(0) });
  const reporters = 4;
  /** The same for each run: -30 to 30 ms, every value about as often. */
  const edgeMs = (reporter: number, second: number) =>
    at(second) + (((reporter * 7919 + second * 104_729) % 61) - 30);
  let off10 = 0;
  let off2 = 0;
  for (let second = 1; second <= 40; second++) {
    for (let reporter = 0; reporter < reporters; reporter++) {
      const [startMs, endMs] = [edgeMs(reporter, second - 1), edgeMs(reporter, second)];
      const samples = [
        sample("flag:x", { reads: endMs - startMs }),
        sample(`own:${reporter}`, { reads: endMs - startMs }),
      ];
      source.take(batchOf(0, samples, { span: { startMs, endMs } }), endMs + 20);
    }
    for (let nowMs = at(second + 0.2); nowMs <= at(second + 1); nowMs += 200) {
      for (const part of source.round(nowMs)) windows.add(part, nowMs);
    }
    windows.advance(at(second + 1));
    if (second < 14) continue;
    for (const [key, perSecond] of [
      ["flag:x", 1000 * reporters],
      ["own:0", 1000],
    ] as const) {
      const lowerIn = (windowMs: number) => {
        const { counts } = windows.closedOf(keyOf(key), windowMs);
        return counts.read.lower;
      };
      off10 = Math.max(off10, Math.abs(lowerIn(10_000) / (10 * perSecond) - 1));
      off2 = Math.max(off2, Math.abs(lowerIn(2000) / (2 * perSecond) - 1));
    }
  }
  assert.ok(off10 < 0.02, `10 s: ${off10}`);
  assert.ok(off2 < 0.06, `2 s: ${off2}`);
});

test("absurd counts are refused, and take no room from honest ones", () => {
  const source = makeSource();
  const absurd = [
    sample("absurd", { reads: 2 ** 31 }),
    sample("absurd", { reads: 2 ** 23, writes: 2 ** 23 + 1 }),
    sample("absurd", { reads: 17, probability: 2 ** -20 }),
  ];
  for (let i = 0; i < 100; i++) source.take(batchOf(T0 + 1000, absurd), T0 + 1100);
  const honest = batchOf(T0 + 1000, [sample("honest", { reads: 2 ** 24 })]);
  assert.deepEqual(source.take(honest, T0 + 1100), { accepted: 1, dropped: 0 });
  const rows = rowsOf(source.round(T0 + 1400));
  assert.deepEqual([...new Set(rows.map(({ key }) => key))], ["honest"]);
  assert.equal(
    rows.reduce((sum, { read }) => sum + read, 0),
    2 ** 24,
  );
  assert.deepEqual(booksOf(source).dropped, { excess: 300 });
});

test("the largest counts that pass, and the thinnest, are taken by the windows", () => {
  const { windows, ledger } = setUp();
  const source = makeSource({ nowMs: at(0) });
  for (let i = 0; i < 100; i++) {
    for (const probability of [1, 0.5, 2 ** -20]) {
      const most = 2 ** 23 * probability;
      const large = { reads: most, writes: most, absorbed: 2 ** 31, bytes: 2 ** 40, probability };
      const small = { reads: 1, probability };
      source.take(batchOf(at(1), [sample("large", large), sample("small", small)]), at(1.1));
    }
  }
  for (const part of [...source.round(at(1.2)), ...source.round(at(1.4))]) {
    assert.equal(windows.add(part, at(1.4)).outcome, "kept");
  }
  assert.deepEqual(ledger.books().dropped, {});
  assert.ok((booksOf(source).dropped.excess ?? 0) > 0);
  assert.equal(source.status(TARGET, at(1.4)).state, "up");
});
