import assert from "node:assert/strict";
import { test } from "node:test";
import { lockNameOf, lockPlaceOf } from "../../../../../src/client/remedies/fleet-lock/lock-place.ts";
import { slotOf } from "../../../../../src/model/slot.ts";
import fc from "../../../../support/fast-check.ts";

const nameOf = (key: string) => lockNameOf(Buffer.from(key)).toString();

test("names are the same from every version", () => {
  assert.equal(nameOf("views"), "views:lock:{views}");
  assert.equal(nameOf("{42}:views"), "{42}:views:lock");
  assert.equal(nameOf("a}b"), "a}b:lock:01cq");
  assert.equal(nameOf("{}"), "{}:lock:02ka");
  assert.equal(nameOf("a{b"), "a{b:lock:0cly");
});

test("a name of a long key takes a few looks at it, whatever its braces", () => {
  const key = Buffer.from(`a}${"b".repeat(1_000_000)}`);
  const startMs = performance.now();
  for (let i = 0; i < 100; i++) slotOf(key);
  const hundredLooksMs = performance.now() - startMs;
  lockNameOf(Buffer.from("a}b"));
  const namingMs = performance.now();
  lockNameOf(key);
  assert.ok(performance.now() - namingMs < hundredLooksMs);
});

test("whatever the key, its lock is in its slot, also under a prefix of the client's, and is told by the same channel", () => {
  const braces = fc.constantFrom("", "{", "}", "{}", "{a}", "}{", "{}{a}", "{{a}}");
  fc.assert(
    fc.property(
      braces,
      fc.uint8Array({ minLength: 1, maxLength: 20 }),
      braces,
      fc.nat(8),
      (a, bytes, b, cut) => {
        const key = Buffer.concat([Buffer.from(a), bytes, Buffer.from(b)]);
        const name = lockNameOf(key);
        assert.equal(slotOf(name), slotOf(key));
        assert.ok(!name.equals(key));
        const prefix = key.subarray(0, Math.min(cut, key.length - 1));
        const place = lockPlaceOf(key.subarray(prefix.length), prefix);
        assert.deepEqual(Buffer.concat([prefix, place.lock]), name);
        assert.equal(place.channel, lockPlaceOf(key, Buffer.alloc(0)).channel);
      },
    ),
    { numRuns: 1000 },
  );
});

test("text and its bytes are one key", () => {
  const none = Buffer.alloc(0);
  const [ofText, ofBytes] = [lockPlaceOf("vué", none), lockPlaceOf(Buffer.from("vué"), none)];
  assert.deepEqual([ofText.lock, ofText.channel], [ofBytes.lock, ofBytes.channel]);
  assert.match(ofText.channel, /^keyheat:lock:[0-9a-f]{40}$/);
});
