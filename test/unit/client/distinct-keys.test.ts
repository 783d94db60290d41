import assert from "node:assert/strict";
import { test } from "node:test";
import { DistinctKeys } from "../../../src/client/distinct-keys.ts";

/** Spreads whole numbers over 32 bits, one to one. */
function hashOf(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 0;
}

function ofKeys(from: number, to: number): DistinctKeys {
  const keys = new DistinctKeys();
  for (let key = from; key < to; key++) keys.add(hashOf(key));
  return keys;
}

test("a few are counted one by one, however often they come", () => {
  for (const distinct of [0, 1, 3, 100, 256]) {
    const keys = ofKeys(0, distinct);
    for (let key = 0; key < distinct; key++) keys.add(hashOf(key));
    assert.equal(keys.count(), distinct);
  }
});

test("many are estimated", () => {
  const count = ofKeys(0, 100_000).count();
  assert.ok(Math.abs(count - 100_000) < 10_000, `${count}`);
});

test("what two have together is counted once", () => {
  const few = ofKeys(0, 100);
  few.addAll(ofKeys(50, 200));
  assert.equal(few.count(), 200);
  few.addAll(ofKeys(150, 1000));
  assert.ok(Math.abs(few.count() - 1000) < 100, `${few.count()}`);
  const many = ofKeys(0, 1000);
  many.addAll(ofKeys(0, 10));
  assert.ok(Math.abs(many.count() - 1000) < 100, `${many.count()}`);
});
