import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LeaseTerms } from "../../../src/config/hot-set.ts";
import type { Demand } from "../../../src/model/demand.ts";
import { keep } from "../../../src/model/key.ts";
import { LeaseBook } from "../../../src/rules/lease-book.ts";
import fc from "../../support/fast-check.ts";

const TERMS: LeaseTerms = {
  enabled: true,
  threshold: 1000,
  keepAbove: 0.5,
  lease: 30_000,
  max: 100,
  readsPerWrite: 10,
  exclude: [],
  allowUncorroborated: false,
};
const START_MS = Date.UTC(2026, 10, 23);

function demand(
  key: string | Uint8Array,
  load: number,
  fields: Partial<Demand> & { absorbed?: number } = {},
): Demand {
  const { absorbed = 0, ...rest } = fields;
  return {
    db: 0,
    key: typeof key === "string" ? Buffer.from(key) : key,
    readsPerSecond: load + absorbed,
    corroboratedPerSecond: load,
    writesPerSecond: 0,
    suspect: false,
    ...rest,
  };
}

/** A book under simulated time: demand goes in second by second. */
class Rig {
  readonly book: LeaseBook;
  nowMs = START_MS;
  /** Looks after which clients had to hear of something. */
  changes = 0;

  constructor(terms: Partial<LeaseTerms> = {}) {
    this.book = new LeaseBook({ ...TERMS, ...terms });
  }

  pass(seconds: number, demands: readonly Demand[], complete = true): void {
    for (let second = 0; second < seconds; second++) {
      this.nowMs += 1000;
      if (this.book.look({ demands, complete }, this.nowMs)) this.changes++;
    }
  }

  get keys(): string[] {
    return this.book.leases().map(({ key }) => Buffer.from(key).toString());
  }
}

/** What a book makes of what was seen of one key: its load, and what caches absorbed. */
type Judge = (load: number, absorbed: number) => Demand;

const byDemand: Judge = (load, absorbed) => demand("k", load, { absorbed });
/** The naive form: absorbed reads are off the server, so they do not count. */
const byLoad: Judge = (load) => demand("k", load);

/** A key that is wanted 50,000 times a second for ten minutes; while it is leased, caches absorb all but 20 of them. */
function secondsLeased(judge: Judge): { readonly leased: number; readonly closed: number } {
  const rig = new Rig();
  let leased = 0;
  let closed = 0;
  for (let second = 0; second < 600; second++) {
    const isLeased = rig.keys.length > 0;
    rig.pass(1, [isLeased ? judge(20, 49_980) : judge(50_000, 0)]);
    if (isLeased) leased++;
    if (isLeased && rig.keys.length === 0) closed++;
  }
  return { leased, closed };
}

describe("leases of a cluster's keys", () => {
  test("a key that is cooled keeps its lease while it is in demand; judged by its load it would lose it, again and again", () => {
    assert.deepEqual(secondsLeased(byDemand), { leased: 599, closed: 0 });
    const naive = secondsLeased(byLoad);
    assert.ok(naive.closed >= 15, `closed ${naive.closed} times`);
  });

  test("a key all of whose reads are absorbed keeps its lease, too", () => {
    const rig = new Rig();
    rig.pass(1, [demand("k", 5000)]);
    rig.pass(600, [demand("k", 0, { absorbed: 5000 })]);
    assert.deepEqual(rig.keys, ["k"]);
  });

  test("opens at the threshold, and closes a lease's length after demand fell below half of it", () => {
    const rig = new Rig();
    rig.pass(10, [demand("k", 999)]);
    assert.deepEqual(rig.keys, []);
    rig.pass(1, [demand("k", 1000)]);
    assert.deepEqual(rig.keys, ["k"]);
    rig.pass(100, [demand("k", 501)]);
    assert.deepEqual(rig.keys, ["k"]);
    rig.pass(19, []);
    assert.deepEqual(rig.keys, ["k"]);
    rig.pass(11, [demand("k", 499)]);
    assert.deepEqual(rig.keys, []);
    rig.pass(60, [demand("k", 999)]);
    assert.deepEqual(rig.keys, [], "what closed opens no sooner than any other");
  });

  test("a short pause changes nothing", () => {
    const rig = new Rig();
    for (let round = 0; round < 20; round++) {
      rig.pass(15, [demand("k", 5000)]);
      rig.pass(15, []);
      assert.deepEqual(rig.keys, ["k"]);
    }
  });

  test("is told of three times in half a minute while keys are hot, with one word for all, and never while none is", () => {
    const rig = new Rig();
    rig.pass(1000, [demand("calm", 400)]);
    assert.equal(rig.changes, 0);
    const hot = Array.from({ length: 50 }, (_, i) => demand(`k${i}`, 2000));
    rig.pass(1, hot.slice(0, 25));
    rig.pass(1, hot);
    rig.changes = 0;
    rig.pass(300, hot);
    assert.ok(rig.changes <= 31, `${rig.changes} changes`);
    for (const { leaseUntilMs } of rig.book.leases()) {
      assert.ok(leaseUntilMs - rig.nowMs >= 20_000, "a client has a lease's two thirds left, or nearly");
    }
  });

  test("is not opened by what no server bears out, however much of it there is", () => {
    const claims = [
      demand("forged", 1_000_000, { corroboratedPerSecond: 0 }),
      demand("doubtful", 5000, { suspect: true }),
      demand("absorbed", 0, { absorbed: 1_000_000 }),
    ];
    const rig = new Rig();
    rig.pass(60, claims);
    assert.deepEqual(rig.keys, []);
    const trusting = new Rig({ allowUncorroborated: true });
    trusting.pass(60, claims);
    assert.deepEqual(trusting.keys, ["forged", "doubtful", "absorbed"]);
  });

  test("is not for keys that are written much, nor for those of more than 1 KiB, nor for those that are excluded", () => {
    const rig = new Rig({ exclude: ["balance:*"] });
    rig.pass(10, [
      demand("counter", 5000, { writesPerSecond: 501 }),
      demand(keep(Buffer.alloc(2000, "x")), 5000),
      demand("balance:7", 5000),
      demand("config", 5000, { writesPerSecond: 499 }),
    ]);
    assert.deepEqual(rig.keys, ["config"]);
    rig.pass(40, [demand("config", 5000, { writesPerSecond: 2000 })]);
    assert.deepEqual(rig.keys, [], "one that is written much by now loses its lease");
    const off = new Rig({ enabled: false });
    off.pass(10, [demand("k", 5000)]);
    assert.deepEqual(off.keys, []);
  });

  test("what cannot be seen is not calm: its lease is renewed for a minute, then it runs out", () => {
    for (const unseen of [
      { demands: [], complete: false },
      { demands: [demand("k", 1, { suspect: true })], complete: true },
    ]) {
      const rig = new Rig();
      rig.pass(1, [demand("k", 5000)]);
      rig.pass(60, unseen.demands, unseen.complete);
      assert.deepEqual(rig.keys, ["k"]);
      rig.pass(31, unseen.demands, unseen.complete);
      assert.deepEqual(rig.keys, []);
    }
  });

  test("are few: the hottest have them, and one that is a little hotter drives none out", () => {
    const rig = new Rig({ max: 2 });
    rig.pass(1, [demand("a", 2000), demand("b", 3000), demand("c", 1500)]);
    assert.deepEqual(rig.keys.sort(), ["a", "b"]);
    rig.pass(1, [demand("a", 2000), demand("b", 3000), demand("c", 3500)]);
    assert.deepEqual(rig.keys.sort(), ["a", "b"]);
    rig.changes = 0;
    rig.pass(1, [demand("a", 2000), demand("b", 3000), demand("c", 4100)]);
    assert.deepEqual([rig.keys.sort(), rig.changes], [["b", "c"], 1]);
  });

  test("of another process are gone on with: until they run out, within the limits of this one", () => {
    const rig = new Rig({ exclude: ["balance:*"], max: 2 });
    const lease = { db: 0, remedies: ["local-cache"], ratePerSecond: 5000, leaseUntilMs: START_MS + 25_000 };
    rig.book.adopt(
      [
        { ...lease, key: Buffer.from("old"), leaseUntilMs: START_MS },
        { ...lease, key: Buffer.from("balance:7") },
        { ...lease, key: Buffer.from("k") },
        { ...lease, key: Buffer.from("eternal"), leaseUntilMs: Number.MAX_VALUE },
        { ...lease, key: Buffer.from("many") },
      ],
      START_MS,
    );
    assert.deepEqual(rig.keys, ["k", "eternal"]);
    rig.pass(60, [demand("k", 10, { absorbed: 5000 })]);
    assert.deepEqual(rig.keys, ["k"]);
  });

  test("of another process are not renewed by being taken over, where the key is calm", () => {
    const rig = new Rig();
    const leaseUntilMs = START_MS + 10_000;
    const lease = { db: 0, remedies: ["local-cache"], ratePerSecond: 5000, leaseUntilMs };
    rig.book.adopt([{ ...lease, key: Buffer.from("k") }], START_MS);
    rig.book.look({ demands: [], complete: true }, START_MS);
    assert.equal(rig.book.leases()[0]?.leaseUntilMs, leaseUntilMs);
  });

  test("of keys that cannot be seen are not driven out by others that are no hotter than those were", () => {
    const rig = new Rig({ max: 1 });
    rig.pass(1, [demand("a", 3000)]);
    rig.pass(1, [demand("b", 5000)], false);
    assert.deepEqual(rig.keys, ["a"]);
    rig.pass(1, [demand("b", 7000)], false);
    assert.deepEqual(rig.keys, ["b"]);
  });

  test("last no longer when the clock is set back", () => {
    const rig = new Rig();
    rig.pass(1, [demand("k", 5000)]);
    rig.nowMs -= 3_600_000;
    rig.pass(1, [demand("k", 5000)]);
    assert.equal(rig.book.leases()[0]?.leaseUntilMs, rig.nowMs + 30_000);
    rig.pass(31, []);
    assert.deepEqual(rig.keys, []);
  });

  test("whatever is seen: at most `max` leases, none longer than a lease, none that nothing ever opened", () => {
    const seen = fc.record({
      key: fc.constantFrom("a", "b", "c", "d"),
      load: fc.constantFrom(0, 400, 600, 1000, 5000),
      absorbed: fc.constantFrom(0, 2000),
      suspect: fc.boolean(),
    });
    const looks = fc.array(
      fc.record({ seen: fc.uniqueArray(seen, { selector: ({ key }) => key }), complete: fc.boolean() }),
    );
    fc.assert(
      fc.property(looks, (given) => {
        const rig = new Rig({ max: 2 });
        const mayHave = new Set<string>();
        for (const { seen: keys, complete } of given) {
          for (const { key, load, suspect } of keys) if (load >= 1000 && !suspect) mayHave.add(key);
          rig.pass(
            1,
            keys.map(({ key, load, ...rest }) => demand(key, load, rest)),
            complete,
          );
          assert.ok(rig.keys.length <= 2);
          assert.ok(rig.keys.every((key) => mayHave.has(key)));
          for (const { leaseUntilMs } of rig.book.leases()) {
            assert.ok(leaseUntilMs > rig.nowMs && leaseUntilMs <= rig.nowMs + 30_000);
          }
        }
      }),
    );
  });
});
