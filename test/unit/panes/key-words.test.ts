import assert from "node:assert/strict";
import { test } from "node:test";
import { KEPT_KEY_BYTES_MAX } from "../../../src/model/key.ts";
import { copyKey, isSameKey, KeyHasher, viewOf } from "../../../src/panes/key-words.ts";
import fc from "../../support/fast-check.ts";
import { seededRandom } from "../../support/random.ts";

/** Bytes of a few values, so that keys that differ in little come up. */
const key = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ maxLength: KEPT_KEY_BYTES_MAX }),
  fc.array(fc.constantFrom(0, 1, 0xff), { maxLength: 24 }).map((bytes) => Uint8Array.from(bytes)),
);
const offset = fc.integer({ min: 0, max: 9 });

/** The key at `offset` among other bytes, none of which is 0. */
function laidOut(bytes: Uint8Array, at: number): DataView {
  const room = new Uint8Array(at + bytes.length + 7).fill(0xa5);
  room.set(bytes, at);
  return viewOf(room);
}

function hashOf(hasher: KeyHasher, bytes: Uint8Array, db = 0): number {
  return hasher.hash(db, viewOf(bytes), 0, bytes.length);
}

test("keys are the same exactly where their bytes are, wherever they lie", () => {
  fc.assert(
    fc.property(key, key, offset, offset, fc.nat(), (one, random, at, otherAt, place) => {
      assert.ok(isSameKey(laidOut(one, at), at, laidOut(one, otherAt), otherAt, one.length));
      const length = Math.min(one.length, random.length);
      const isSame = Buffer.compare(one.subarray(0, length), random.subarray(0, length)) === 0;
      assert.equal(isSameKey(laidOut(one, at), at, laidOut(random, otherAt), otherAt, length), isSame);
      if (one.length === 0) return;
      const changed = Uint8Array.from(one);
      changed[place % one.length]! ^= 1 << (place % 8);
      assert.ok(!isSameKey(laidOut(one, at), at, laidOut(changed, otherAt), otherAt, one.length));
    }),
    { numRuns: 1000 },
  );
});

test("every length is compared to its last byte", () => {
  for (let length = 1; length <= KEPT_KEY_BYTES_MAX; length++) {
    const one = new Uint8Array(length).fill(0x61);
    for (const place of new Set([0, length >> 1, length - 1])) {
      const other = Uint8Array.from(one);
      other[place] = 0x62;
      assert.ok(!isSameKey(viewOf(one), 0, viewOf(other), 0, length), `byte ${place} of ${length}`);
    }
    assert.ok(isSameKey(viewOf(one), 0, viewOf(Uint8Array.from(one)), 0, length));
  }
});

test("a copy has the key's bytes and touches no other", () => {
  fc.assert(
    fc.property(key, offset, offset, (bytes, fromAt, toAt) => {
      const room = new Uint8Array(toAt + bytes.length + 7).fill(0x5a);
      copyKey(laidOut(bytes, fromAt), fromAt, viewOf(room), toAt, bytes.length);
      const expected = new Uint8Array(room.length).fill(0x5a);
      expected.set(bytes, toAt);
      assert.deepEqual(room, expected);
    }),
    { numRuns: 500 },
  );
});

test("a copy towards the start of the same memory keeps the key, however far", () => {
  fc.assert(
    fc.property(key, fc.integer({ min: 0, max: 40 }), offset, (bytes, distance, toAt) => {
      const room = new Uint8Array(toAt + distance + bytes.length + 7);
      room.set(bytes, toAt + distance);
      copyKey(viewOf(room), toAt + distance, viewOf(room), toAt, bytes.length);
      assert.deepEqual(room.subarray(toAt, toAt + bytes.length), bytes);
    }),
    { numRuns: 500 },
  );
});

test("a key has one hash, wherever it lies and whatever is around it", () => {
  const hasher = new KeyHasher();
  fc.assert(
    fc.property(key, offset, fc.nat({ max: 100 }), (bytes, at, db) => {
      const hash = hashOf(hasher, bytes, db);
      assert.equal(hash, hash | 0, "a whole number of 32 bits");
      assert.equal(hasher.hash(db, laidOut(bytes, at), at, at + bytes.length), hash);
    }),
    { numRuns: 500 },
  );
});

/** How many values the upper 16 bits of the hashes take. */
function upperValues(hashes: Iterable<number>): number {
  const values = new Set<number>();
  for (const hash of hashes) values.add(hash >>> 16);
  return values.size;
}

/** Of `count` random draws from 65,536 values: how many differ on average. */
function expectedValues(count: number): number {
  return 65_536 * (1 - (1 - 1 / 65_536) ** count);
}

/** Families of 2^13 keys that are made to collide, or that are as alike as keys get. */
const FAMILIES: Record<string, (number: number) => Uint8Array> = {
  // What both multiplications of a word-wise xor-multiply hash carry out at the top, so that they cancel out.
  "differences in the top bits of two words": (number) => blocks(number, [0x80000000, 0x80010000], [0, 0]),
  "differences in the top bit of each word": (number) => blocks(number, [0x80000000, 0x80000000], [0, 0]),
  "differences in the lowest bits": (number) => blocks(number, [1, 0xffffffff], [0, 0]),
  "differences in both half words": (number) => blocks(number, [0x00010001, 0xffff0001], [0, 0]),
  "the same bytes in another order": (number) =>
    blocks(number, [0x61626364, 0x65666768], [0x65666768, 0x61626364]),
  "numbers at the end": (number) => Buffer.from(`user:profile:${number}`),
  "numbers at the start": (number) => Buffer.from(`${number}:user:profile`),
  "numbers as four bytes": (number) => new Uint8Array(Uint32Array.of(number << 19).buffer),
  "nothing but zeros, by their number": (number) => new Uint8Array(number % 1034),
};

/** 13 blocks of 8 bytes, each one of two by a bit of `number`. */
function blocks(number: number, one: readonly number[], other: readonly number[]): Uint8Array {
  const words = new Uint32Array(26);
  for (let bit = 0; bit < 13; bit++) words.set((number >>> bit) & 1 ? one : other, 2 * bit);
  return new Uint8Array(words.buffer);
}

for (const [family, keyOf] of Object.entries(FAMILIES)) {
  test(`keys collide no more than random ones would: ${family}`, () => {
    const distinct = new Map<string, Uint8Array>();
    for (let number = 0; number < 2 ** 13; number++) {
      const bytes = keyOf(number);
      distinct.set(Buffer.from(bytes).toString("latin1"), bytes);
    }
    // The mean over some hashers: a single one may be unlucky with keys that are linear in each other.
    const hashers = Array.from({ length: 24 }, () => new KeyHasher());
    const values = hashers.map((hasher) =>
      upperValues(Array.from(distinct.values(), (bytes) => hashOf(hasher, bytes))),
    );
    const mean = values.reduce((sum, count) => sum + count, 0) / values.length;
    assert.ok(mean > 0.9 * expectedValues(distinct.size), `${mean} values of ${distinct.size} keys`);
  });
}

test("the same keys in other databases, and of other lengths, hash to something else", () => {
  const hasher = new KeyHasher();
  const random = seededRandom(5);
  const keys = Array.from({ length: 512 }, () => Uint8Array.from({ length: 16 }, () => 256 * random()));
  const hashes = keys.flatMap((bytes) =>
    [0, 1, 2, 15].flatMap((db) =>
      [13, 14, 15, 16].map((length) => hashOf(hasher, bytes.subarray(0, length), db)),
    ),
  );
  const values = upperValues(hashes);
  assert.ok(values > 0.95 * expectedValues(hashes.length), `${values} values of ${hashes.length} keys`);
});

test("two hashers agree on next to nothing", () => {
  const [one, other] = [new KeyHasher(), new KeyHasher()];
  const same = Array.from({ length: 1000 }, (_, i) => Buffer.from(`key:${i}`)).filter(
    (bytes) => hashOf(one, bytes) === hashOf(other, bytes),
  );
  assert.ok(same.length <= 1, `${same.length} of 1,000`);
});
