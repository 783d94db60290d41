import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isCut,
  keep,
  keptKeySlot,
  keyHead,
  keyId,
  keyLabel,
  keyText,
  LongKey,
  showKey,
} from "../../../src/model/key.ts";
import { slotOf } from "../../../src/model/slot.ts";
import fc from "../../support/fast-check.ts";

test("a key is kept whole up to 1 KiB, beyond that as its prefix, a hash of the whole and its slot", () => {
  const whole = Buffer.alloc(1024, 0x61);
  assert.equal(keep(whole), whole);
  const long = Buffer.alloc(100_000, 0x61);
  const other = Buffer.from(long);
  other[99_999] = 0x62;
  assert.equal(isCut(keep(long)), true);
  assert.equal(keptKeySlot(keep(long)), slotOf(long));
  assert.notEqual(keyId(0, keep(long)), keyId(0, keep(other)));
});

test("a long key that comes in pieces is kept as if it came whole", () => {
  const piecesOf = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 });
  fc.assert(
    fc.property(piecesOf, fc.integer({ min: 1, max: 2000 }), (pieces, firstLength) => {
      const all = [Buffer.alloc(firstLength, 0x7b), ...pieces, Buffer.alloc(1024, 0x7d)];
      const long = new LongKey();
      for (const piece of all) long.update(piece);
      assert.deepEqual(Buffer.from(long.kept()), Buffer.from(keep(Buffer.concat(all))));
    }),
  );
});

test("JSON shows text as text and other bytes as base64, a cut key as its first 1 KiB", () => {
  assert.deepEqual(showKey(Buffer.from("🔥\n")), { key: "🔥\n", keyEncoding: "utf8", cut: false });
  assert.deepEqual(showKey(Buffer.from([0xff, 0])), { key: "/wA=", keyEncoding: "base64", cut: false });
  const { key, cut } = showKey(keep(Buffer.alloc(5000, 0x7a)));
  assert.equal(key.length, 1024);
  const halved = showKey(keep(Buffer.from(`x${"é".repeat(900)}`)));
  assert.deepEqual([halved.keyEncoding, halved.key], ["utf8", `x${"é".repeat(511)}`]);
  assert.equal(cut, true);
});

test("the beginning of a key ends with a whole character where it is text", () => {
  const text = Buffer.from("aé€😀");
  const heads = Array.from(text, (_, end) => Buffer.from(keyHead(text.subarray(0, end))).toString());
  assert.deepEqual(heads, ["", "a", "a", "aé", "aé", "aé", "aé€", "aé€", "aé€", "aé€"]);
  const binary = Buffer.from([0xff, 0x00, 0xe2, 0x82]);
  assert.deepEqual(keyHead(binary), binary);
});

test("labels are one printable line, and different keys have different labels", () => {
  assert.equal(keyLabel(Buffer.from("a\nb")), "a\\nb");
  assert.equal(keyLabel(Buffer.from("a\\nb")), "a\\\\nb");
  assert.equal(keyLabel(Buffer.from([0x61, 0xff])), "a\\xff");
  assert.equal(keyLabel(Buffer.from("\u001b[31m")), "\\u{1b}[31m");
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: "binary", maxLength: 200 }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const isSame = Buffer.from(one).equals(Buffer.from(other));
      assert.equal(keyLabel(one) === keyLabel(other), isSame);
      assert.ok(!/[\p{Cc}\p{Cf}]/u.test(keyLabel(one)));
    }),
    { numRuns: 500 },
  );
});

test("the whole text of a key is escaped as its label is, and has no end of its own", () => {
  const long = `cart:${"x".repeat(500)}\u001b[2J`;
  assert.equal(keyText(Buffer.from(long)), `cart:${"x".repeat(500)}\\u{1b}[2J`);
  assert.equal(keyText(Buffer.from([0xff, 0x41])), "\\xffA");
  assert.equal(keyText(keep(Buffer.from("y".repeat(5000)))), "y".repeat(1024));
});
