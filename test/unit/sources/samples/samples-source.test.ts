import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PanePart } from "../../../../src/model/pane.ts";
import { type SlotRange, slotOf } from "../../../../src/model/slot.ts";
import { batchOf, booksOf, makeSource, rowsOf, sample, T0, TARGET } from "./scene.ts";

/** Rounds each 200 ms from `fromMs` up to and with `toMs`. */
function roundsOf(source: ReturnType<typeof makeSource>, fromMs: number, toMs: number): PanePart[] {
  const parts: PanePart[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 200) parts.push(...source.round(nowMs));
  return parts;
}

describe("samples of a pane", () => {
  it("leave as its closing part, 400 ms after its end", () => {
    const source = makeSource();
    assert.equal(source.isOpen, false);
    const samples = [
      sample("a", { reads: 50, misses: 5, bytes: 900, commands: { get: 45, mget: 5 } }),
      sample("a", { db: 2, writes: 3 }),
      sample("b", { absorbed: 70 }),
    ];
    assert.deepEqual(source.take(batchOf(T0 + 1000, samples), T0 + 1100), { accepted: 3, dropped: 0 });
    source.take(
      batchOf(T0 + 1000, [sample("a", { reads: 10, commands: { get: 10 } })], { service: "search" }),
      T0 + 1100,
    );
    assert.equal(source.isOpen, true);
    assert.deepEqual(roundsOf(source, T0 + 1200, T0 + 1399), []);
    const [part, ...others] = source.round(T0 + 1400);
    assert.ok(part);
    assert.deepEqual(others, []);
    const { entries, ...head } = part;
    assert.deepEqual(head, {
      type: "part",
      agent: "agent-a",
      epoch: T0,
      cluster: "default",
      target: "10.0.0.1:6379",
      vantage: "clients",
      startMs: T0,
      lengthMs: 1000,
      bucket: 0,
      buckets: 12,
      part: 0,
      closing: true,
      parts: 1,
      floor: 0,
      total: { read: 60, write: 3, miss: 5 },
      probability: 1,
      watchedShare: 1,
      sees: ["read", "write", "miss"],
      complete: false,
      slots: null,
      totals: null,
    });
    const rows = rowsOf([part]).map(({ part: _, ...row }) => row);
    const nothing = {
      db: 0,
      read: 0,
      write: 0,
      miss: 0,
      error: 0,
      absorbed: 0,
      bytes: 0,
      commands: {},
      services: {},
    };
    assert.deepEqual(rows, [
      { ...nothing, key: "b", absorbed: 70, currentPerSecond: 0 },
      {
        ...nothing,
        key: "a",
        read: 60,
        miss: 5,
        bytes: 900,
        currentPerSecond: 60,
        commands: { get: 55, mget: 5 },
        services: { checkout: 50, search: 10 },
      },
      { ...nothing, key: "a", db: 2, write: 3, currentPerSecond: 3, services: { checkout: 3 } },
    ]);
    assert.equal(entries.length, 3);
    assert.deepEqual(booksOf(source), { stage: "samples", received: 4, kept: 4, dropped: {} });
  });

  it("belong to the time that the batch tells, and to now where that is none or ahead", () => {
    const source = makeSource();
    const add = (key: string, span: { startMs: number; endMs: number } | null) =>
      source.take(batchOf(0, [sample(key, { reads: 1 })], { span }), T0 + 2500);
    add("past", { startMs: T0, endMs: T0 + 1000 });
    add("none", null);
    add("ahead", { startMs: T0 + 2000, endMs: T0 + 3000 });
    add("far ahead", { startMs: T0 + 9000, endMs: T0 + 9001 });
    const starts = rowsOf(roundsOf(source, T0 + 2600, T0 + 5000)).map(
      ({ key, part }) => [key, (part.startMs - T0) / 1000] as const,
    );
    assert.deepEqual(starts.toSorted(), [
      ["ahead", 2],
      ["far ahead", 2],
      ["none", 2],
      ["past", 0],
    ]);
  });

  it("are spread over the panes that a long batch covers, nothing lost or doubled", () => {
    const source = makeSource();
    const keys = Array.from({ length: 50 }, (_, i) => sample(`k${i}`, { reads: 1, commands: { get: 1 } }));
    const hot = sample("hot", { reads: 4000, misses: 400, bytes: 80_000, commands: { get: 4000 } });
    const sampled = sample("sampled", { reads: 2000, probability: 0.3 });
    const span = { startMs: T0 + 500, endMs: T0 + 4500 };
    assert.deepEqual(source.take(batchOf(0, [hot, sampled, ...keys], { span }), T0 + 4500), {
      accepted: 52,
      dropped: 0,
    });
    const parts = roundsOf(source, T0 + 4600, T0 + 6000);
    const rows = rowsOf(parts);
    const hotRows = rows.filter(({ key, read }) => key === "hot" && read > 0);
    assert.deepEqual(
      hotRows.map(({ part, read, miss, bytes, commands, services, currentPerSecond }) => [
        (part.startMs - T0) / 1000,
        [read, miss, bytes, commands.get, services.checkout, currentPerSecond],
      ]),
      [
        [0, [500, 50, 10_000, 500, 500, 1000]],
        [1, [1000, 100, 20_000, 1000, 1000, 1000]],
        [2, [1000, 100, 20_000, 1000, 1000, 1000]],
        [3, [1000, 100, 20_000, 1000, 1000, 1000]],
        [4, [500, 50, 10_000, 500, 500, 1000]],
      ],
    );
    for (const { key } of keys) {
      const [row, ...others] = rows.filter((found) => found.key === key);
      assert.deepEqual([row?.read, row?.commands, others], [1, { get: 1 }, []]);
    }
    const thinned = rows.filter(({ key, read }) => key === "sampled" && read > 0).map(({ read }) => read);
    const kept = thinned.reduce((sum, read) => sum + read, 0);
    assert.ok(thinned.length === 5 && Math.abs(kept - 2000 / 1.2) < 100, `${thinned}`);
    assert.deepEqual(booksOf(source), { stage: "samples", received: 52, kept: 52, dropped: {} });
  });

  it("are too late where nobody knows any more what was sent of their pane", () => {
    const source = makeSource();
    const span = { startMs: T0 - 9000, endMs: T0 + 1000 };
    const long = batchOf(0, [sample("a", { reads: 10 })], { span });
    assert.deepEqual(source.take(long, T0 + 53_000), { accepted: 1, dropped: 0 });
    assert.deepEqual(source.take(long, T0 + 53_001), { accepted: 0, dropped: 1 });
    assert.deepEqual(booksOf(source).dropped, { late: 1 });
  });

  it("leave as further parts where they are late, and not at all after a minute", () => {
    const source = makeSource();
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 5 })]), T0 + 1100);
    roundsOf(source, T0 + 1200, T0 + 11_200);
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 3 })]), T0 + 11_300);
    const parts = source.round(T0 + 11_399);
    assert.deepEqual(
      parts.map(({ startMs, part, closing, parts }) => [startMs - T0, part, closing, parts]),
      [[0, 1, false, 0]],
    );
    assert.deepEqual(
      rowsOf(parts).map(({ key, read }) => [key, read]),
      [["a", 3]],
    );
    const late = batchOf(T0 + 1000, [sample("a", { reads: 3 })]);
    assert.deepEqual(source.take(late, T0 + 61_001), { accepted: 0, dropped: 1 });
    assert.deepEqual(source.take(late, T0 + 61_000), { accepted: 1, dropped: 0 });
    assert.deepEqual(booksOf(source).dropped, { late: 1 });
  });

  it("go on as empty parts for a minute: the heartbeat of the target", () => {
    const source = makeSource();
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 5 })]), T0 + 1100);
    const parts = roundsOf(source, T0 + 1200, T0 + 200_000);
    assert.equal(source.isOpen, false);
    assert.ok(parts.every(({ closing, part, target }) => closing && part === 0 && target === TARGET.address));
    const starts = parts.map(({ startMs }) => (startMs - T0) / 1000);
    assert.deepEqual(
      starts,
      Array.from({ length: starts.length }, (_, i) => i),
    );
    assert.ok(starts.length >= 60 && starts.length <= 63, `${starts.length} panes`);
  });

  it("leave nothing behind when the source stops", () => {
    const source = makeSource();
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 5 })]), T0 + 1100);
    const parts = source.stop();
    assert.deepEqual(
      parts.map(({ closing }) => closing),
      [true],
    );
    assert.deepEqual([source.isOpen, source.bytesUsed], [false, 0]);
  });

  it("are counted but not reported where a glob says so", () => {
    const ignored = (key: Uint8Array) => Buffer.from(key).toString().startsWith("lock:");
    const source = makeSource({ ignored });
    const samples = [sample("lock:1", { writes: 5000 }), sample("a", { reads: 5000 })];
    source.take(batchOf(T0 + 1000, samples), T0 + 1010);
    const parts = roundsOf(source, T0 + 1200, T0 + 1400);
    assert.deepEqual([...new Set(rowsOf(parts).map(({ key }) => key))], ["a"]);
    const total = parts.reduce((sum, part) => sum + part.total.read + part.total.write, 0);
    assert.equal(total, 10_000);
  });

  it("are of a new epoch after the clock was set back", () => {
    const source = makeSource();
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 5 })]), T0 + 1100);
    source.take(batchOf(T0 - 60_000, [sample("a", { reads: 7 })]), T0 - 60_000);
    const parts = roundsOf(source, T0 - 60_000, T0 - 59_400);
    assert.deepEqual(
      rowsOf(parts).map(({ read, part }) => [read, part.startMs - T0, part.closing, part.epoch]),
      [
        [5, 0, true, T0],
        [7, -61_000, true, T0 + 1],
      ],
    );
  });
});

describe("keys that rise steeply", () => {
  it("leave early, and the parts add up to the pane", () => {
    const source = makeSource();
    const counts = { early: 0, closing: 0 };
    const early = batchOf(T0 + 200, [sample("hot", { reads: 4000 }), sample("cold", { reads: 10 })], {
      span: { startMs: T0, endMs: T0 + 200 },
    });
    source.take(early, T0 + 210);
    const first = source.round(T0 + 400);
    assert.deepEqual(
      rowsOf(first).map(({ key, read, currentPerSecond, part }) => [
        key,
        read,
        currentPerSecond,
        part.closing,
        part.parts,
      ]),
      [["hot", 4000, 20_000, false, 0]],
    );
    assert.equal(first.at(-1)?.total.read, 4000);
    source.take(batchOf(T0 + 1000, [sample("hot", { reads: 16_000 })]), T0 + 1010);
    const parts = [...first, ...roundsOf(source, T0 + 600, T0 + 1400)];
    for (const { key, read, part } of rowsOf(parts)) {
      if (key === "hot") counts[part.closing ? "closing" : "early"] += read;
    }
    assert.deepEqual(counts, { early: 20_000, closing: 0 });
    const last = parts.at(-1);
    assert.deepEqual([last?.closing, last?.part, last?.parts], [true, 2, 3]);
    assert.equal(
      parts.reduce((sum, { total }) => sum + total.read, 0),
      20_010,
    );
    const named = rowsOf([last!]).find(({ key }) => key === "hot");
    assert.equal(named?.currentPerSecond, 20_000, "the closing part tells its rate");
  });

  it("run at what their batches say over the time that these cover, not at the sum of batches that follow each other", () => {
    const rateOf = (spans: readonly (readonly [fromMs: number, toMs: number, instance: string])[]) => {
      const source = makeSource();
      spans.forEach(([fromMs, toMs, instance], seq) => {
        const span = { startMs: T0 + fromMs, endMs: T0 + toMs };
        const hot = sample("hot", { reads: 5 * (toMs - fromMs) });
        source.take(batchOf(T0 + toMs, [hot], { span, instance, seq }), T0 + 410);
      });
      return rowsOf(source.round(T0 + 450))[0]?.currentPerSecond;
    };
    const follow = rateOf([
      [0, 200, "pod-1"],
      [200, 400, "pod-1"],
    ]);
    const besides = rateOf([
      [0, 200, "pod-1"],
      [0, 200, "pod-2"],
    ]);
    assert.deepEqual([follow, besides], [5000, 10_000]);
  });

  it("leave early a limited number at a time, the fastest first, and all are told of by the end", () => {
    const source = makeSource({ panes: { length: 1000, publish: 10 } });
    const samples = Array.from({ length: 25 }, (_, i) => sample(`k${i}`, { reads: 5000 + i }));
    source.take(batchOf(T0 + 1000, samples), T0 + 1010);
    const rounds = [T0 + 1050, T0 + 1200, T0 + 1250, T0 + 1300].map((nowMs) => rowsOf(source.round(nowMs)));
    const names = (from: number, to: number) => samples.slice(from, to).map(({ key }) => key);
    assert.deepEqual(
      rounds.map((rows) => rows.map(({ key }) => key).toSorted()),
      [names(15, 25), names(5, 15), names(0, 5), []].map((keys) => keys.toSorted()),
    );
    for (const { key, read, currentPerSecond } of rounds.flat()) {
      assert.deepEqual([read, currentPerSecond], [5000 + Number(key.slice(1)), read]);
    }
  });

  it("are steady after some panes, and cost no early parts any more", () => {
    const source = makeSource();
    const early: number[] = [];
    for (let second = 1; second <= 15; second++) {
      const endMs = T0 + second * 1000;
      source.take(batchOf(endMs, [sample("hot", { reads: 5000 })]), endMs + 50);
      const parts = roundsOf(source, endMs + 200, endMs + 1000);
      early.push(parts.filter(({ closing }) => !closing).length);
    }
    assert.deepEqual(early.slice(0, 3), [1, 1, 1]);
    assert.deepEqual(early.slice(10), [0, 0, 0, 0, 0]);
  });

  it("have the rates of their instances added up, whatever the length of their batches", () => {
    const source = makeSource();
    for (let i = 0; i < 20; i++) source.take(batchOf(T0 + 1000, [sample("a", { reads: 1000 })]), T0 + 1010);
    const slow = { span: { startMs: T0 - 9000, endMs: T0 + 1000 } };
    source.take(batchOf(0, [sample("b", { reads: 10_000 })], slow), T0 + 1010);
    const rates = new Map(
      rowsOf(source.round(T0 + 1200)).map(({ key, currentPerSecond }) => [key, currentPerSecond]),
    );
    assert.deepEqual(Object.fromEntries(rates), { a: 20_000, b: 1000 });
  });
});

describe("sampled samples", () => {
  it("leave in parts of their probability, of which one closes the pane", () => {
    const source = makeSource();
    for (const probability of [1, 0.5, 0.125]) {
      source.take(
        batchOf(T0 + 1000, [
          sample("a", { reads: 100, probability }),
          sample(`only ${probability}`, { reads: 100, probability }),
        ]),
        T0 + 1010,
      );
    }
    source.take(batchOf(T0 + 1000, [sample("more", { reads: 100 })]), T0 + 1010);
    const parts = source.round(T0 + 1400);
    assert.deepEqual(parts.map(({ probability }) => probability).toSorted(), [0.125, 0.5, 1]);
    assert.deepEqual(
      parts.map(({ part }) => part),
      [0, 1, 2],
    );
    assert.deepEqual(
      parts.map(({ closing }) => closing),
      [false, false, true],
    );
    assert.equal(parts.at(-1)?.parts, 3);
    assert.deepEqual(
      rowsOf(parts)
        .filter(({ key }) => key === "a")
        .map(({ currentPerSecond }) => currentPerSecond),
      [1100, 1100, 1100],
    );
  });

  it("are thinned without a bias to the next lower power of two", () => {
    const source = makeSource({ settings: { enabled: true, bytes: 256 * 1024 * 1024 } });
    const keys = 2000;
    const samples = Array.from({ length: keys }, (_, i) =>
      sample(`k${i}`, {
        probability: 0.3,
        reads: 40,
        misses: 10,
        writes: 20,
        bytes: 1000,
        commands: { get: 40 },
      }),
    );
    source.take(batchOf(T0 + 1000, samples), T0 + 1010);
    const parts = source.stop();
    assert.deepEqual([...new Set(parts.map(({ probability }) => probability))], [0.25]);
    const [total] = parts.filter(({ closing }) => closing).map((part) => part.total);
    assert.ok(total);
    const isNear = (sum: number, count: number) =>
      Math.abs(sum - count * (0.25 / 0.3)) < 4.5 * Math.sqrt((count * 5) / 36);
    assert.ok(isNear(total.read, 40 * keys), `${total.read} reads`);
    assert.ok(isNear(total.write, 20 * keys), `${total.write} writes`);
    assert.ok(isNear(total.miss, 10 * keys), `${total.miss} misses`);
    for (const { read, miss } of rowsOf(parts)) assert.ok(miss <= read);
  });
});

describe("in Cluster mode", () => {
  const slots: SlotRange[] = [[0, 8191]];
  const other: SlotRange[] = [[8192, 16_383]];
  const targets = () => [
    { ...TARGET, slots },
    { ...TARGET, address: "10.0.0.2:6379", slots: other },
  ];

  it("each bucket of the target has its closing part, and each key its own", () => {
    const source = makeSource({ targets, buckets: 4 });
    const keys = Array.from({ length: 200 }, (_, i) => `user:${i}`);
    source.take(
      batchOf(
        T0 + 1000,
        keys.map((key) => sample(key, { reads: 2 })),
      ),
      T0 + 1010,
    );
    const parts = source.round(T0 + 1400);
    assert.deepEqual(
      parts.map(({ target, bucket, closing }) => `${target} ${bucket} ${closing}`).toSorted(),
      ["10.0.0.1:6379 0 true", "10.0.0.1:6379 1 true", "10.0.0.2:6379 2 true", "10.0.0.2:6379 3 true"],
    );
    for (const { key, part } of rowsOf(parts)) {
      assert.equal(Math.floor(slotOf(Buffer.from(key)) / 4096), part.bucket);
    }
    for (const part of parts) assert.equal(part.total.read, 2 * part.entries.length);
    assert.equal(rowsOf(parts).length, 200);
  });

  it("a key that a migration left at the old server is counted there", () => {
    const source = makeSource({ targets, buckets: 4 });
    const away = ["user:0", "user:1", "user:2", "user:3"].find((key) => slotOf(Buffer.from(key)) >= 8192);
    assert.ok(away);
    source.take(batchOf(T0 + 1000, [sample(away, { reads: 9, target: "10.0.0.1:6379" })]), T0 + 1010);
    const parts = source.round(T0 + 1400);
    assert.deepEqual(
      rowsOf(parts).map(({ key, read, part }) => [key, read, part.target, part.closing]),
      [[away, 9, "10.0.0.1:6379", false]],
    );
    assert.equal(parts.filter(({ closing }) => closing).length, 2);
  });
});

describe("what is known of the reporters", () => {
  it("is told once a pane, by the cluster of their samples", () => {
    const targets = () => [TARGET, { ...TARGET, cluster: "shop", address: "10.0.0.2:6379" }];
    const source = makeSource({ targets });
    assert.deepEqual(source.services(T0), []);
    const at = (key: string, target: string) => sample(key, { target, reads: 1 });
    source.take(batchOf(T0, [at("a", "10.0.0.1:6379"), at("b", "10.0.0.2:6379")], { instance: "1" }), T0);
    source.take(batchOf(T0, [at("a", "10.0.0.2:6379")], { service: "search", instance: "1" }), T0);
    source.take(batchOf(T0, [], { service: "idle", instance: "1", goodbye: true }), T0);
    const state = (name: string, instances: number, saidGoodbye = false) => ({
      name,
      instances,
      heardMs: T0,
      saidGoodbye,
      returnedMs: 0,
      gapMs: 0,
    });
    assert.deepEqual(source.services(T0 + 10), [
      {
        type: "services",
        agent: "agent-a",
        cluster: "default",
        atMs: T0 + 10,
        services: [state("checkout", 1), state("idle", 0, true)],
      },
      {
        type: "services",
        agent: "agent-a",
        cluster: "shop",
        atMs: T0 + 10,
        services: [state("checkout", 1), state("search", 1)],
      },
    ]);
  });

  it("is told for each target: off, up, down, with reasons", () => {
    const source = makeSource();
    const status = (nowMs: number) => source.status(TARGET, nowMs);
    assert.deepEqual(status(T0), {
      source: "samples",
      state: "off",
      sinceMs: T0,
      gaps: 0,
      probability: 1,
      reason: "no client has sent samples of it yet",
    });
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 1, probability: 0.25 })]), T0 + 1000);
    assert.deepEqual(status(T0 + 2000), {
      source: "samples",
      state: "up",
      sinceMs: T0 + 1000,
      gaps: 0,
      probability: 0.25,
      reason: null,
    });
    const { state, sinceMs, reason } = status(T0 + 6000);
    assert.deepEqual([state, sinceMs], ["down", T0 + 6000]);
    assert.match(reason ?? "", /for 5 s or more$/);
    source.take(batchOf(T0 + 9000, [sample("a", { reads: 1 })]), T0 + 9000);
    const again = status(T0 + 9100);
    assert.deepEqual([again.state, again.sinceMs, again.gaps], ["up", T0 + 9000, 1]);
    const disabled = makeSource({ settings: { enabled: false, bytes: 1_048_576 } });
    assert.equal(disabled.status(TARGET, T0).reason, "sources.samples.enabled is false");
  });
});

describe("what is not counted", () => {
  it("is dropped with its reason", () => {
    const source = makeSource();
    const one = [sample("a", { reads: 1 })];
    const repeated = batchOf(T0 + 1000, one, { instance: "pod-1", seq: 4 });
    source.take(repeated, T0 + 1000);
    assert.deepEqual(source.take(repeated, T0 + 1000), { accepted: 0, dropped: 1 });
    for (let i = 0; i < 1001; i++) source.take(batchOf(T0 + 1000, one, { service: `s${i}` }), T0 + 1000);
    const thin = sample("a", { reads: 2 ** 31, probability: 2 ** -20 });
    assert.deepEqual(source.take(batchOf(T0 + 1000, [thin, ...one]), T0 + 1000), { accepted: 1, dropped: 1 });
    assert.deepEqual(booksOf(source).dropped, { duplicate: 1, services: 2, excess: 1 });
  });

  it("is the late part of a pane that has had very many", () => {
    const source = makeSource();
    source.take(batchOf(T0 + 1000, [sample("a", { reads: 1 })]), T0 + 1010);
    source.round(T0 + 1400);
    let numbers = 0;
    for (let i = 0; i < 1200; i++) {
      source.take(batchOf(T0 + 1000, [sample("a", { reads: 1 })]), T0 + 1410);
      for (const { part } of source.round(T0 + 1410)) numbers = Math.max(numbers, part);
    }
    assert.ok(numbers < 1024);
    assert.deepEqual(booksOf(source).dropped, { late: 201 });
  });
});
