import assert from "node:assert/strict";
import { test } from "node:test";
import { disclose, enclose } from "../../../../../src/client/remedies/early-refresh/envelope.ts";
import fc from "../../../../support/fast-check.ts";

test("the form is the same from every version", () => {
  assert.equal(enclose("vué", 258.2).toString("hex"), "4b485231000001037675c3a9");
});

test("any value comes back as it was, with its recompute time in whole ms", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.double({ min: 0, max: 1e12, noNaN: true }), (value, deltaMs) => {
      const enclosed = disclose(enclose(value, deltaMs));
      assert.deepEqual(enclosed.value, Buffer.from(value));
      assert.equal(enclosed.deltaMs, Math.min(0xffff_ffff, Math.ceil(deltaMs)));
    }),
  );
});

test("what somebody else wrote is a value as it is", () => {
  for (const text of ["", "plain", "KHR1", "KHR1abc", "KHR2aaaabc"]) {
    const stored = Buffer.from(text);
    assert.deepEqual(disclose(stored), { value: stored, deltaMs: null });
  }
});
