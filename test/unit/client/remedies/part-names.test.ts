import assert from "node:assert/strict";
import { test } from "node:test";
import { PARTS_MAX, partNames } from "../../../../src/client/remedies/part-names.ts";
import { SLOT_COUNT, slotOf } from "../../../../src/model/slot.ts";
import fc from "../../../support/fast-check.ts";

const CLUSTER = { isCluster: true, keyPrefix: Buffer.alloc(0) };

const texts = (names: readonly Buffer[]) => names.map((name) => name.toString("latin1"));

test("names are the same from every version", () => {
  const views = ["views:count:{138}", "views:count:{1ny}", "views:count:{ot}", "views:count:{25}"];
  assert.deepEqual(texts(partNames("views", "count", 4, CLUSTER)), views);
  const ofUser = ["{42}:user:{42}:views:count", "{is}:user:{42}:views:count"];
  assert.deepEqual(texts(partNames("user:{42}:views", "count", 2, CLUSTER)), ofUser);
});

test("text and its bytes are one key, and a key of any bytes has parts", () => {
  assert.deepEqual(partNames("vué", "count", 3, CLUSTER), partNames(Buffer.from("vué"), "count", 3, CLUSTER));
  const [name] = partNames(Buffer.from([0xff, 0x00]), "count", 1, CLUSTER);
  assert.equal(name?.subarray(0, 2).toString("hex"), "ff00");
});

test("more parts keep the names of the fewer", () => {
  assert.deepEqual(
    partNames("k", "count", PARTS_MAX, CLUSTER).slice(0, 5),
    partNames("k", "count", 5, CLUSTER),
  );
});

test("whatever the key, its parts lie in slots of their own, evenly over all of them", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 30 }),
      fc.constantFrom("", "{", "}", "{a}", "{}", "x{y"),
      fc.integer({ min: 1, max: 64 }),
      (bytes, text, count) => {
        const key = Buffer.concat([Buffer.from(text), bytes]);
        const slots = partNames(key, "count", count, CLUSTER).map(slotOf);
        assert.equal(new Set(slots).size, count);
        for (const nodes of [3, 6]) {
          const perNode = new Array<number>(nodes).fill(0);
          for (const slot of slots) perNode[Math.floor((slot * nodes) / SLOT_COUNT)]!++;
          // Of a power of two they are as even as can be; of others the sequence is a little less so.
          const unevenness = Number.isInteger(Math.log2(count)) ? 1 : 3;
          for (const parts of perNode)
            assert.ok(Math.abs(parts - count / nodes) < unevenness, `${count} parts: ${perNode}`);
        }
      },
    ),
  );
});

test("each of the most parts has a slot of its own", () => {
  assert.equal(new Set(partNames("k", "count", PARTS_MAX, CLUSTER).map(slotOf)).size, PARTS_MAX);
});

test("a client's prefix with a brace is refused in a cluster, where it would put all parts into one slot", () => {
  const keyPrefix = Buffer.from("{shop}:");
  assert.throws(
    () => partNames("k", "count", 2, { isCluster: true, keyPrefix }),
    /^RangeError: redis: its keyPrefix/,
  );
  assert.equal(partNames("k", "count", 2, { isCluster: false, keyPrefix }).length, 2);
});
