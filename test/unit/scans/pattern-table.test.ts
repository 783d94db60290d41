import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { levelOf, patternFinder } from "../../../src/scans/memory/key-groups.ts";
import type { LargestKey } from "../../../src/scans/memory/pattern-figures.ts";
import { patternRows } from "../../../src/scans/memory/pattern-rows.ts";
import { PatternTable } from "../../../src/scans/memory/pattern-table.ts";
import fc from "../../support/fast-check.ts";
import { seededRandom } from "../../support/random.ts";

function named(key: string): () => LargestKey {
  return () => ({ key, keyEncoding: "utf8", cut: false, db: 0, target: "127.0.0.1:6379" });
}

/** Adds a key as a scan does: looked at only where its level is wanted. Returns whether it was. */
function offer(table: PatternTable, pattern: string | null, key: string, bytes: number | null): boolean {
  const level = levelOf(Buffer.from(key));
  const isWanted = table.wants(pattern, level);
  table.add(pattern, level, isWanted ? bytes : "skipped", named(key));
  return isWanted;
}

describe("which pattern a key counts for", () => {
  test("is the first glob that matches, or none", () => {
    const find = patternFinder(["user:1*", "user:*", "*"]);
    assert.equal(find(Buffer.from("user:12")), "user:1*");
    assert.equal(find(Buffer.from("user:2")), "user:*");
    assert.equal(find(Buffer.from("other")), "*");
    assert.equal(patternFinder(["user:*"])(Buffer.from([0xff, 0])), null);
  });

  test("is what its name has in common with others, without globs", () => {
    assert.equal(patternFinder([])(Buffer.from("user:12:profile")), "user:{n}:profile");
  });
});

describe("a table of patterns", () => {
  test("adds up to all keys and bytes, however small it is, and never tells too little of a pattern", () => {
    const keys = fc.array(fc.record({ pattern: fc.nat(30), bytes: fc.integer({ min: 1, max: 1000 }) }));
    fc.assert(
      fc.property(
        keys,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 10 }),
        (found, kept, limit) => {
          const table = new PatternTable(Number.POSITIVE_INFINITY, [], kept);
          for (const [index, { pattern, bytes }] of found.entries()) {
            table.add(`p${pattern}`, 0, bytes, named(`k${index}`));
            assert.ok(table.patterns().length <= kept * 2);
          }
          const { patterns, total } = patternRows(table, limit, true);
          assert.equal(total.keys, found.length);
          assert.equal(sum(patterns.map((row) => row.keys)), found.length);
          assert.equal(sum(patterns.map((row) => row.totalBytes)), sum(found.map(({ bytes }) => bytes)));
          for (const row of patterns.filter(({ isRest }) => !isRest)) {
            const own = found.filter(({ pattern }) => `p${pattern}` === row.pattern);
            const bytes = sum(own.map((one) => one.bytes));
            assert.ok(row.keys <= own.length && own.length <= row.keysMax, `${own.length} keys: ${row.keys}`);
            assert.ok(row.lowerBytes <= bytes && bytes <= (row.upperBytes ?? 0), `${bytes} bytes`);
          }
        },
      ),
    );
  });

  test("tells all that was asked for and the rest, also where there is nothing", () => {
    const table = new PatternTable(Number.POSITIVE_INFINITY, ["user:*", "cart:*"]);
    offer(table, "cart:*", "cart:1", 100);
    const { patterns } = patternRows(table, 2, true);
    assert.deepEqual(
      patterns.map(({ pattern, keys, isRest }) => [pattern, keys, isRest]),
      [
        ["cart:*", 1, false],
        ["user:*", 0, false],
        ["other", 0, true],
      ],
    );
  });

  test("looks at an even sample of each pattern, and tells bounds that hold", () => {
    const random = seededRandom(7);
    const truth = new Map<string, number>();
    const table = new PatternTable(200);
    let looked = 0;
    for (let n = 0; n < 40_000; n++) {
      const pattern = n % 100 === 0 ? "rare" : "common";
      // Later keys are larger: a sample of the first ones would be wrong by half.
      const bytes = Math.round(50 + (n / 40_000) * 100 * random() * 2);
      truth.set(pattern, (truth.get(pattern) ?? 0) + bytes);
      looked += offer(table, pattern, `${pattern}:${n}`, bytes) ? 1 : 0;
    }
    const { patterns, total } = patternRows(table, 10, false);
    assert.equal(total.keys, 40_000);
    assert.ok(looked < 5000, `${looked} keys were looked at`);
    for (const row of patterns) {
      const bytes = truth.get(row.pattern) ?? 0;
      assert.ok(row.measured >= 100 && row.measured <= 400, `${row.measured} measured`);
      // Half as far again as the interval: it may fail to hold in one case of twenty.
      const margin = ((row.upperBytes ?? 0) - row.lowerBytes) * 0.75;
      assert.ok(Math.abs(row.totalBytes - bytes) <= margin, `${row.pattern}: ${row.totalBytes} of ${bytes}`);
      assert.ok(margin < bytes * 0.3);
    }
  });

  test("tells exactly what a pattern has with fewer keys than are sampled", () => {
    const table = new PatternTable(100);
    for (let n = 0; n < 100; n++) offer(table, "few", `few:${n}`, n);
    const [row] = patternRows(table, 10, false).patterns;
    assert.equal(row?.sampled, false);
    assert.equal(row?.totalBytes, 4950);
    assert.deepEqual([row?.lowerBytes, row?.upperBytes], [4950, 4950]);
    assert.equal(row?.largestKey?.key, "few:99");
  });

  test("keeps keys that cannot be measured out of bytes and average, sampled or not", () => {
    for (const sampleKeys of [Number.POSITIVE_INFINITY, 300]) {
      const table = new PatternTable(sampleKeys);
      for (let n = 0; n < 4000; n++) offer(table, "mixed", `mixed:${n}`, n % 4 === 0 ? null : 100);
      const [row] = patternRows(table, 10, false).patterns;
      assert.equal(row?.keys, 4000);
      assert.equal(row?.averageBytes, 100);
      assert.ok(Math.abs((row?.unmeasured ?? 0) - 1000) < 300, `${row?.unmeasured}`);
      assert.equal(row?.sampled, sampleKeys === 300);
    }
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
