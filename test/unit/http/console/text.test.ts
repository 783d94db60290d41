import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesLength,
  durationText,
  keyText,
  numberText,
  shareText,
  timeText,
} from "../../../../src/http/console/text.js";
import { keep, keyLabel, showKey } from "../../../../src/model/key.ts";
import fc from "../../../support/fast-check.ts";

test("what would move, hide or reverse text in a key is written out, as in alerts", () => {
  const shown = (key: string | Uint8Array) => keyText(showKey(keep(Buffer.from(key))));
  assert.equal(shown("user:1"), "user:1");
  assert.equal(shown("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>");
  assert.equal(shown("a\u202eb\u0000c\nd\\e\u200f"), "a\\u{202e}b\\u{0}c\\nd\\\\e\\u{200f}");
  assert.equal(shown(Uint8Array.of(0x61, 0xff, 0x0a)), "a\\xff\\n");
  assert.equal(shown(""), "(the empty key)");
  assert.equal(shown("k".repeat(2000)), `${"k".repeat(1024)}… (longer than 1 KiB)`);
  assert.equal(keyText({ key: null, keyEncoding: "utf8", cut: false }), "");
});

test("short keys read as their labels in alerts do, whatever their bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (bytes) => {
      assert.equal(keyText(showKey(bytes)), keyLabel(bytes));
    }),
  );
});

test("figures are written as people read them", () => {
  assert.deepEqual([8012, 12.5, 99.95, 0, 1e6].map(numberText), ["8,012", "12.5", "100.0", "0", "1,000,000"]);
  assert.deepEqual([0.62, 1, 0.0004, null].map(shareText), ["62%", "100%", "0%", "not known"]);
  assert.deepEqual([120, 10_000, 3 * 1024 * 1024].map(bytesLength), ["120 B", "9.8 KiB", "3 MiB"]);
  assert.deepEqual([-5, 45_000, 185_000, 7_620_000, 274_000_000].map(durationText), [
    "0s",
    "45s",
    "3m 05s",
    "2h 07m",
    "3d 04h",
  ]);
});

test("a time of another day has its date", () => {
  const noon = new Date(2026, 10, 23, 12, 5, 9).getTime();
  assert.equal(timeText(noon, noon + 60_000), "12:05:09");
  assert.equal(timeText(noon, noon + 86_400_000), "2026-11-23 12:05:09");
});
