import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOut } from "../../../../src/transport/kafka/sticky-assigner.ts";
import fc from "../../../support/fast-check.ts";

const TWELVE = [...Array(12).keys()];

function sharesOf(claims: Readonly<Record<string, readonly number[]>>, partitions = TWELVE) {
  return Object.fromEntries(shareOut(new Map(Object.entries(claims)), partitions));
}

test("a member keeps its partitions when another one joins, but for those that go there", () => {
  assert.deepEqual(sharesOf({ a: TWELVE, b: [] }), { a: [0, 1, 2, 3, 4, 5], b: [6, 7, 8, 9, 10, 11] });
  assert.deepEqual(sharesOf({ a: [0, 1, 2, 3, 4, 5], b: [6, 7, 8, 9, 10, 11], c: [] }), {
    a: [0, 1, 2, 3],
    b: [6, 7, 8, 9],
    c: [4, 5, 10, 11],
  });
});

test("a partition that two members claim is kept by one of them", () => {
  assert.deepEqual(sharesOf({ a: [0, 1], b: [0, 1] }, [0, 1]), { a: [0], b: [1] });
});

test("every partition has one owner, sizes differ by one at most, and nobody loses more than is needed", () => {
  const claims = fc.uniqueArray(fc.nat(40), { maxLength: 40 }).chain((partitions) =>
    fc.record({
      partitions: fc.constant(partitions.toSorted((a, b) => a - b)),
      members: fc.array(fc.subarray([...partitions, 99]), { minLength: 1, maxLength: 8 }),
    }),
  );
  fc.assert(
    fc.property(claims, ({ partitions, members }) => {
      const byName = new Map(members.map((own, index) => [`m${index}`, own] as const));
      const shares = [...shareOut(byName, partitions).values()];
      assert.deepEqual(
        shares.flat().toSorted((a, b) => a - b),
        partitions,
      );
      const sizes = shares.map(({ length }) => length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    }),
  );
  const two = shareOut(
    new Map([
      ["a", [0, 1, 2, 3, 4]],
      ["b", [5, 6, 7, 8, 9, 10, 11]],
    ]),
    TWELVE,
  );
  assert.deepEqual(
    [two.get("a")?.slice(0, 5), two.get("b")],
    [
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9, 10],
    ],
  );
});
