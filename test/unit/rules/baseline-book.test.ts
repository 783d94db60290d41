import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId } from "../../../src/model/key.ts";
import { WARM_UP } from "../../../src/rules/baseline.ts";
import { BaselineBook, type Entry } from "../../../src/rules/baseline-book.ts";
import fc from "../../support/fast-check.ts";

const OPTIONS = { kind: "total", windowMs: 10_000, hopMs: 1000 } as const;
const NEVER = () => false;

const keyOf = (name: string) => ({ cluster: "default", db: 0, bytes: Buffer.from(name) });
const nameOf = ({ key }: Entry) => Buffer.from(key.bytes).toString();
const counted = (name: string, count: number) => ({ key: keyOf(name), atLeast: count, atMost: count });

function passed(book: BaselineBook, windows: number, counts: Readonly<Record<string, number>>, others = 0) {
  for (let window = 0; window < windows; window++)
    book.pass((entry) => counts[nameOf(entry)] ?? 0, NEVER, others);
}

const meanOf = (book: BaselineBook, name: string) => book.find(keyOf(name))?.baseline.mean;

test("after the warm-up the mean is that of all windows, and then follows with a half-life of 5 minutes", () => {
  const book = new BaselineBook(OPTIONS);
  book.enter(counted("k", 100));
  passed(book, WARM_UP - 1, { k: 100 });
  assert.equal(book.isWarm, false);
  passed(book, 1, { k: 100 });
  assert.equal(book.isWarm, true);
  assert.equal(Math.round(meanOf(book, "k")!), 100);
  // Half of the way in 30 windows, 3 more that it lags behind.
  passed(book, 60, { k: 100 });
  passed(book, 33, { k: 200 });
  assert.equal(Math.round(meanOf(book, "k")!), 150);
});

test("the mean knows nothing of the last three windows, and of a peak no more than three times what is usual", () => {
  const book = new BaselineBook(OPTIONS);
  book.enter(counted("k", 100));
  passed(book, 60, { k: 100 });
  passed(book, 3, { k: 100_000 });
  assert.equal(Math.round(meanOf(book, "k")!), 100);
  passed(book, 1, { k: 100 });
  assert.ok(meanOf(book, "k")! < 100 + 0.03 * 210);
});

test("a full book keeps the hottest keys, and what it let go bounds what is usual of the others", () => {
  const book = new BaselineBook({ ...OPTIONS, keysMax: 4 });
  const counts = { a: 1000, b: 900, c: 800, d: 50 };
  for (const [name, count] of Object.entries(counts)) book.enter(counted(name, count));
  passed(book, 40, counts);
  assert.equal(book.enter(counted("small", 40)), null);
  assert.notEqual(book.enter(counted("large", 5000)), null);
  assert.equal(meanOf(book, "d"), undefined);
  assert.equal(Math.round(book.othersMean), 50);
  // It was there before, for all that is known.
  assert.equal(Math.round(meanOf(book, "large")!), 50);
  assert.equal(book.size, 4);
});

test("a key whose incident is open keeps its place, whatever else is hotter, until it is over", () => {
  const book = new BaselineBook({ ...OPTIONS, keysMax: 4 });
  const open = book.enter(counted("open", 10))!;
  book.hold(new Set([keyId(0, open.key.bytes)]));
  const enterAll = (count: number) => {
    for (const name of ["a", "b", "c", "d", "e", "f"]) book.enter(counted(`${name}${count}`, count));
  };
  enterAll(100);
  passed(book, 40, {});
  enterAll(200);
  assert.equal(book.find(keyOf("open")), open);
  assert.equal(book.size, 5, "it takes no other's place");
  const resumed = book.enterWith(keyOf("resumed"), 1);
  assert.equal(resumed.baseline.mean, 1);
  book.hold(new Set());
  passed(book, 400, {});
  assert.equal(book.size, 0);
});

test("of a new key is usual what a sketch may hide of it, and of the others", () => {
  const book = new BaselineBook(OPTIONS);
  passed(book, 40, {}, 70);
  book.enter({ key: keyOf("shown"), atLeast: 500, atMost: 500 });
  book.enter({ key: keyOf("hidden"), atLeast: 500, atMost: 800 });
  assert.equal(Math.round(meanOf(book, "shown")!), 70);
  assert.equal(meanOf(book, "hidden"), 300);
});

test("a key of which nothing is left gives its place back", () => {
  const book = new BaselineBook(OPTIONS);
  book.enter(counted("k", 10));
  passed(book, 40, { k: 10 });
  passed(book, 200, {});
  assert.equal(book.size, 0);
});

test("what is told to another process is what that one goes on with; the rest is bounded", () => {
  const book = new BaselineBook(OPTIONS);
  const counts: Record<string, number> = {};
  for (let i = 0; i < 100; i++) counts[`key:${i}`] = 1000 - i;
  for (const [name, count] of Object.entries(counts)) book.enter(counted(name, count));
  passed(book, 50, counts);
  const told = book.told(64 * 50);
  assert.ok(told.keys.length > 30 && told.keys.length < 50);
  const other = new BaselineBook(OPTIONS);
  other.resume("default", told);
  assert.equal(other.isWarm, true);
  assert.equal(meanOf(other, "key:0"), meanOf(book, "key:0"));
  assert.equal(meanOf(other, "key:99"), undefined);
  assert.ok(other.othersMean >= meanOf(book, "key:60")!);
});

/** True counts of some keys, window by window, with what a sketch may add to them. */
const history = fc.array(
  fc.record({
    counts: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 6, maxLength: 6 }),
    doubts: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 6, maxLength: 6 }),
  }),
  { minLength: 1, maxLength: 80 },
);

test("whatever comes and goes, no mean is below that of a book which knows the true counts of all keys", () => {
  fc.assert(
    fc.property(history, (windows) => {
      const all = new BaselineBook({ ...OPTIONS, keysMax: 100 });
      const few = new BaselineBook({ ...OPTIONS, keysMax: 2 });
      const names = ["a", "b", "c", "d", "e", "f"];
      for (const name of names) all.enter(counted(name, 0));
      for (const { counts, doubts } of windows) {
        const countOf = (entry: Entry) => counts[names.indexOf(nameOf(entry))]!;
        const atMost = (name: string) => counts[names.indexOf(name)]! + doubts[names.indexOf(name)]!;
        for (const name of names) {
          const atLeast = counts[names.indexOf(name)]!;
          few.enter({ key: keyOf(name), atLeast, atMost: atMost(name) });
        }
        const left = names.filter((name) => few.find(keyOf(name)) === undefined);
        few.pass((entry) => atMost(nameOf(entry)), NEVER, Math.max(0, ...left.map(atMost)));
        for (const name of names) all.enter(counted(name, 0));
        all.pass(countOf, NEVER, 0);
        for (const name of names) {
          const known = meanOf(few, name) ?? few.othersMean;
          const truth = meanOf(all, name) ?? 0;
          assert.ok(known >= truth - 1e-6, `${name}: ${known} < ${truth}`);
        }
      }
    }),
    { numRuns: 100 },
  );
});
