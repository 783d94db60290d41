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

test("slots of long keys, in pieces of any length, are what a CRC bit by bit says", () => {
  fc.assert(
    fc.property(
      fc
        .array(fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 255 }) }, fc.constantFrom(0x7b, 0x7d)), {
          maxLength: 300,
        })
        .map((list) => Uint8Array.from(list)),
      fc.array(fc.nat({ max: 300 }), { maxLength: 4 }),
      (bytes, cuts) => {
        const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const hasher = new SlotHasher();
        for (const [index, end] of ends.entries()) hasher.update(bytes, ends[index - 1] ?? 0, end);
        assert.equal(hasher.slot(), crcOf(taggedOf(bytes)) % 16_384);
      },
    ),
    { numRuns: 500 },
  );
});

/** CRC-16/XMODEM, one bit after the other. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1;
  }
  return crc;
}

/** The bytes that decide on the slot. */
function taggedOf(bytes: Uint8Array): Uint8Array {
  const open = bytes.indexOf(0x7b);
  const close = open < 0 ? -1 : bytes.indexOf(0x7d, open + 1);
  return close > open + 1 ? bytes.subarray(open + 1, close) : bytes;
}
