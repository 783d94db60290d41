import assert from "node:assert/strict";
import { test } from "node:test";
import { DecimalSum } from "../../../../src/client/remedies/counter/decimal-sum.ts";
import fc from "../../../support/fast-check.ts";

function sumOf(...texts: string[]): number | bigint {
  const sum = new DecimalSum();
  for (const text of texts) sum.add(text);
  return sum.value();
}

test("decimals are summed as they are written, where numbers would round", () => {
  assert.equal(sumOf("0.1", "0.2"), 0.3);
  assert.notEqual(0.1 + 0.2, 0.3);
  assert.equal(sumOf("-0.5", "0.25"), -0.25);
  assert.equal(sumOf("-0.00000000000000001"), -1e-17);
  assert.equal(sumOf("1.50", "2.50"), 4);
  assert.equal(sumOf(), 0);
  assert.equal(Object.is(sumOf("-0"), 0), true);
});

test("small ones are not lost beside large ones", () => {
  const large = "100000000000000000000000000000000";
  assert.equal(sumOf(large, "0.125", `-${large}`), 0.125);
});

test("a whole sum beyond 2^53 is a bigint", () => {
  assert.equal(sumOf("9007199254740991"), 9007199254740991);
  assert.equal(sumOf("9007199254740991", "1"), 9007199254740992n);
  assert.equal(sumOf("-9007199254740991", "-1"), -9007199254740992n);
  assert.equal(sumOf("9223372036854775807", "9223372036854775807"), 2n ** 64n - 2n);
  assert.equal(sumOf("9223372036854775807", "-9223372036854775806", "-3"), -2);
  assert.equal(sumOf("9007199254740992.5", "0.5"), 9007199254740993n);
});

test("a sum with decimals is the nearest number", () => {
  assert.equal(sumOf("9007199254740992.5", "1"), Number("9007199254740993.5"));
});

test("what is no decimal number is refused", () => {
  for (const text of ["", " ", "1e3", "abc", "+1", "1.", ".5", "0x10", "inf", "1 2"]) {
    assert.throws(() => sumOf(text), /^SyntaxError: not a decimal number/, text);
  }
});

test("neither order nor number of digits changes the sum", () => {
  const decimal = fc.record({
    units: fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
    digits: fc.integer({ min: 0, max: 17 }),
  });
  fc.assert(
    fc.property(fc.array(decimal, { maxLength: 20 }), (decimals) => {
      const texts = decimals.map(({ units, digits }) => textOf(units, digits));
      const exact = decimals.reduce((sum, { units, digits }) => sum + units * 10n ** BigInt(17 - digits), 0n);
      const expected = sumOf(textOf(exact, 17));
      assert.equal(sumOf(...texts), expected);
      assert.equal(sumOf(...texts.toReversed()), expected);
      if (typeof expected === "bigint") assert.equal(expected * 10n ** 17n, exact);
      else assert.equal(expected, Number(textOf(exact, 17)));
    }),
  );
});

function textOf(units: bigint, digits: number): string {
  const sign = units < 0n ? "-" : "";
  const text = String(units < 0n ? -units : units).padStart(digits + 1, "0");
  if (digits === 0) return `${sign}${text}`;
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
