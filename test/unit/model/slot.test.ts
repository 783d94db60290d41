import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketOfSlot, SlotHasher, slotOf } from "../../../src/model/slot.ts";
import fc from "../../support/fast-check.ts";

const slot = (key: string) => slotOf(Buffer.from(key));

test("slots are those of Redis Cluster, hash tags included", () => {
  assert.equal(slot("123456789"), 0x31c3);
  assert.equal(slot("user:1"), 10_778);
  assert.equal(slot("foo{}{bar}"), 8363);
  assert.equal(slot("{user1000}.following"), slot("{user1000}.followers"));
  assert.equal(slot("foo{{bar}}zap"), slot("{bar"));
  assert.equal(slot("foo{bar}{zap}"), slot("bar"));
  assert.equal(slot(""), 0);
});

test("a key that comes in pieces has the slot of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("{", "}", "a", "b1", ""), { maxLength: 12 }), (pieces) => {
      const hasher = new SlotHasher();
      for (const piece of pieces) hasher.update(Buffer.from(piece));
      assert.equal(hasher.slot(), slot(pieces.join("")));
    }),
  );
});

test("buckets divide the slots into even, rising ranges", () => {
  const buckets = Array.from({ length: 16_384 }, (_, number) => bucketOfSlot(number, 12));
  assert.equal(buckets[0], 0);
  assert.equal(buckets[16_383], 11);
  assert.ok(buckets.every((bucket, index) => index === 0 || bucket - (buckets[index - 1] ?? 0) <= 1));
});
