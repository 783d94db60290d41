import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isCut,
  KEY_BYTES_KEPT,
  keep,
  keptKeySlot,
  keyId,
  keyLabel,
  rawKeySlot,
  showKey,
} from "../../../src/model/key.ts";
import { patternOf } from "../../../src/model/pattern.ts";
import { isRedacted, matchedBytes, redactedKey, redactedLabel } from "../../../src/model/redacted-key.ts";
import { SLOT_COUNT, slotOf } from "../../../src/model/slot.ts";
import fc from "../../support/fast-check.ts";

function identityOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, i) => bytes[i] ?? 0);
}

const USER = redactedKey({ slot: 10_778, identity: identityOf(0x1a, 0x2b, 0x3c, 0x4d), label: "user:{n}" });

const slots = fc.integer({ min: 0, max: SLOT_COUNT - 1 });
const identities = fc.uint8Array({ minLength: 8, maxLength: 8 });
const labels = fc.string({ unit: "binary", maxLength: 400 });

test("a redacted key carries its slot, its identity and its label, and is no cut key", () => {
  assert.equal(isRedacted(USER), true);
  assert.equal(redactedLabel(USER), "user:{n}");
  assert.equal(keptKeySlot(USER), 10_778);
  fc.assert(
    fc.property(slots, identities, labels, (slot, identity, label) => {
      const kept = redactedKey({ slot, identity, label });
      assert.ok(isRedacted(kept));
      assert.ok(kept.length <= KEY_BYTES_KEPT && !isCut(kept));
      assert.equal(keptKeySlot(kept), slot);
      assert.ok(Buffer.from(kept).includes(Buffer.from(identity)));
    }),
  );
});

test("a label of the longest characters is kept to its 256th, never to half of a character", () => {
  const kept = redactedKey({ slot: 0, identity: identityOf(), label: "語".repeat(300) });
  assert.equal(redactedLabel(kept), "語".repeat(256));
  const halved = redactedKey({ slot: 0, identity: identityOf(), label: `x${"🔥".repeat(200)}` });
  assert.equal(redactedLabel(halved), `x${"🔥".repeat(127)}\ufffd`);
});

test("it is shown as its label with eight digits of its identity", () => {
  assert.deepEqual(showKey(USER), { key: "user:{n}~1a2b3c4d", keyEncoding: "utf8", cut: false });
  assert.equal(keyLabel(USER), "user:{n}~1a2b3c4d");
  assert.equal(patternOf(USER), "user:{n}");
  const long = redactedKey({ slot: 0, identity: identityOf(0xff), label: "a".repeat(256) });
  assert.equal(keyLabel(long), `${"a".repeat(111)}~ff000000`);
  assert.equal(showKey(long).key, `${"a".repeat(256)}~ff000000`);
});

test("two keys of one label stay two: by their bytes, and by what is shown of them", () => {
  const other = redactedKey({
    slot: 10_778,
    identity: identityOf(0x1a, 0x2b, 0x3c, 0x4e),
    label: "user:{n}",
  });
  assert.notEqual(keyId(0, USER), keyId(0, other));
  assert.notEqual(keyLabel(USER), keyLabel(other));
  assert.notEqual(showKey(USER).key, showKey(other).key);
});

test("globs are matched against the label, and against other keys as they are", () => {
  assert.equal(Buffer.from(matchedBytes(USER)).toString(), "user:{n}");
  const plain = Buffer.from("user:1");
  assert.equal(matchedBytes(plain), plain);
});

test("a key that merely begins like a redacted one is a key like others", () => {
  const marker = Buffer.from(USER).subarray(0, 14);
  const badSlot = Buffer.from(USER);
  badSlot.writeUInt16BE(SLOT_COUNT, 14);
  for (const key of [
    marker,
    badSlot,
    Buffer.concat([USER, Buffer.alloc(900, "a")]),
    keep(Buffer.concat([USER, Buffer.alloc(2000)])),
  ]) {
    assert.equal(isRedacted(key), false);
    assert.equal(keptKeySlot(key), rawKeySlot(key));
  }
});

test("a key with the very form of a redacted one is shown on one bounded line, and placed by its own bytes", () => {
  assert.equal(rawKeySlot(USER), slotOf(USER));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 700 }), (tail) => {
      const key = Buffer.concat([USER.subarray(0, 16), tail]);
      const line = /^[^\p{Cc}\p{Zl}\p{Zp}]*$/u;
      assert.ok(keptKeySlot(key) < SLOT_COUNT);
      assert.match(showKey(key).key, line);
      assert.match(keyLabel(key), line);
      assert.match(patternOf(key), line);
      assert.ok(patternOf(key).length <= 256 && keyLabel(key).length <= 120);
    }),
  );
});
