import assert from "node:assert/strict";
import { test } from "node:test";
import { keyIdOf, keyOfId } from "../../../../src/client/remedies/key-id.ts";
import fc from "../../../support/fast-check.ts";

test("a key has one name, as text and as bytes, and no other key has it", () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.string({ unit: "grapheme", maxLength: 3 }));
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const isSame = Buffer.compare(Buffer.from(one), Buffer.from(other)) === 0;
      assert.equal(keyIdOf(one) === keyIdOf(other), isSame);
      assert.equal(keyIdOf(Buffer.from(one)), keyIdOf(one));
      assert.deepEqual(Buffer.from(keyOfId(keyIdOf(one))), Buffer.from(one));
    }),
  );
  assert.equal(keyIdOf("\ud800"), keyIdOf(Buffer.from("\ud800")));
  assert.equal(keyOfId(keyIdOf("\u{10000}")), "\u{10000}");
});
