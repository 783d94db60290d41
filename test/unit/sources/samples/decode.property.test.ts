import assert from "node:assert/strict";
import { test } from "node:test";
import { unaccounted } from "../../../../src/runtime/accounting.ts";
import { decodeBatch } from "../../../../src/sources/samples/decode.ts";
import fc from "../../../support/fast-check.ts";
import { hostileIntake } from "../../../support/hostile-intake.ts";
import { wholeNumbers } from "../../../support/random.ts";
import { drawBody } from "../../../support/sample-bodies.ts";

const INPUTS = 50_000;

test("no body crashes the decoder or what counts its samples, and memory stays bounded", () => {
  const intake = hostileIntake();
  const draw = wholeNumbers(20_231_123);
  for (let i = 0; i < INPUTS; i++) intake.take(drawBody(draw));
  const { valid, invalid, books, bytesUsed, bytesMax } = intake.summary();
  assert.ok(valid > INPUTS / 10 && invalid > INPUTS / 10, `${valid} valid, ${invalid} not`);
  assert.equal(unaccounted(books), 0);
  assert.ok(books.kept > 0);
  assert.ok(bytesUsed <= bytesMax);
});

test("any JSON at all is taken or refused", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const decoded = decodeBatch(Buffer.from(text));
      assert.ok("problem" in decoded);
    }),
    { numRuns: 2000 },
  );
});

test("any bytes at all are taken or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.ok("problem" in decodeBatch(bytes));
    }),
    { numRuns: 2000 },
  );
});
