import assert from "node:assert/strict";
import { test } from "node:test";
import { checkedIncrement } from "../../../../src/client/remedies/counter/increment.ts";

test("whole numbers of 64 bits are added as such, whatever type they have", () => {
  for (const [by, text] of [
    [undefined, "1"],
    [1, "1"],
    [-7, "-7"],
    [0, "0"],
    [-0, "0"],
    [2 ** 53, "9007199254740992"],
    [-(2 ** 63), "-9223372036854775808"],
    [2n ** 63n - 1n, "9223372036854775807"],
    [-(2n ** 63n), "-9223372036854775808"],
  ] as const) {
    assert.deepEqual(checkedIncrement(by), { kind: "count", text });
  }
});

test("others are added as floats, as they are written", () => {
  for (const [by, text] of [
    [0.1, "0.1"],
    [-12.5, "-12.5"],
    [1e-7, "1e-7"],
    [1e-17, "1e-17"],
    [2 ** 63, "9223372036854775808"],
    [1.5e300, BigInt(1.5e300).toString()],
  ] as const) {
    assert.deepEqual(checkedIncrement(by), { kind: "float", text });
  }
});

test("what cannot be added is refused", () => {
  for (const by of [Number.NaN, Number.POSITIVE_INFINITY, 1e-18, -1e-300, 2n ** 63n, -(2n ** 63n) - 1n]) {
    assert.throws(() => checkedIncrement(by), /^RangeError: by: expected/, String(by));
  }
  for (const by of ["1", null, {}, true]) {
    assert.throws(() => checkedIncrement(by), /^TypeError: by: expected a number or a bigint/);
  }
});
