import assert from "node:assert/strict";
import { test } from "node:test";
import { placesOf, shardOf } from "../../../../../src/client/remedies/shards/field-hash.ts";
import fc from "../../../../support/fast-check.ts";

test("a field's shard is the same from every version", () => {
  const shards = (field: Buffer) => [1, 4, 16, 64, 1024].map((count) => shardOf(field, count));
  const golden = {
    "": [0, 0, 0, 0, 0],
    a: [0, 1, 14, 14, 989],
    "user:1": [0, 0, 0, 63, 676],
    "user:2": [0, 0, 11, 47, 701],
    é: [0, 0, 0, 59, 550],
  };
  const found = Object.fromEntries(Object.keys(golden).map((field) => [field, shards(Buffer.from(field))]));
  assert.deepEqual(found, golden);
  assert.deepEqual(shards(Buffer.from([0xff, 0x00])), [0, 0, 14, 58, 390]);
});

test("where the count grows a field stays, or goes to a shard that is new", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: 1, max: 1024 }),
      fc.integer({ min: 1, max: 1024 }),
      (field, a, b) => {
        const [fewer, more] = [Math.min(a, b), Math.max(a, b)];
        const [before, after] = [shardOf(field, fewer), shardOf(field, more)];
        assert.ok(before < fewer && after < more);
        assert.ok(after === before || after >= fewer);
      },
    ),
  );
});

test("by modulo a field may come back to a shard where it was before, which is why it is not used", () => {
  // 4, 6, 8 shards: 1, 5, 1. An older copy there would pass for a newer one.
  const number = 17;
  assert.deepEqual([number % 4, number % 6, number % 8], [1, 5, 1]);
  const places = placesOf(Buffer.from("any"), [4, 6, 8]);
  assert.equal(new Set(places).size, places.length);
  assert.deepEqual(
    places,
    [...places].sort((a, b) => b - a),
  );
});

test("fields are even over the shards, whatever the count", () => {
  for (const count of [3, 16, 24, 100]) {
    const perShard = new Array<number>(count).fill(0);
    const fields = 1000 * count;
    for (let index = 0; index < fields; index++) perShard[shardOf(Buffer.from(`user:${index}`), count)]!++;
    // Of 1,000 each the standard deviation is about 32.
    for (const number of perShard) assert.ok(Math.abs(number - 1000) < 200, `${count} shards: ${perShard}`);
  }
});

test("places go from the newest to the oldest, each once", () => {
  const field = Buffer.from("user:1");
  const counts = [1, 4, 16, 64];
  const all = counts.map((count) => shardOf(field, count)).reverse();
  assert.deepEqual(placesOf(field, counts), [...new Set(all)]);
  assert.deepEqual(placesOf(field, [16]), [shardOf(field, 16)]);
});
