import assert from "node:assert/strict";
import { test } from "node:test";
import { cutEnd, displayWidth, fit, printable, wrap } from "../../../../src/cli/view/display-text.ts";

test("text from elsewhere cannot command the terminal", () => {
  assert.equal(printable("a\u001b[31mb\nc\u202ed\u009b"), "a [31mb c d");
  assert.equal(printable("lone \ud800"), "lone \ufffd");
});

test("wide characters count two columns, combining ones none", () => {
  assert.equal(displayWidth("abc"), 3);
  assert.equal(displayWidth("日本"), 4);
  assert.equal(displayWidth("🔥x"), 3);
  assert.equal(displayWidth("e\u0301"), 1);
  assert.equal(displayWidth("한글"), 4);
});

test("a key too long for its column keeps both of its ends", () => {
  assert.equal(fit("user:1", 8), "user:1  ");
  assert.equal(fit("12", 5, "right"), "   12");
  assert.equal(fit("cart:0123456789:items", 11), "cart:…items");
  assert.equal(fit("日本語日本語", 6), "日…語 ");
  assert.equal(displayWidth(fit("日本語日本語", 7)), 7);
});

test("a text is cut at its end where it must be", () => {
  assert.equal(cutEnd("short", 5), "short");
  assert.equal(cutEnd("longer", 5), "long…");
  assert.equal(cutEnd("longer", 0), "");
});

test("long lines break at spaces, the last one is cut", () => {
  assert.deepEqual(wrap("one two three", 7, 3), ["one two", "three"]);
  assert.deepEqual(wrap("one two three four", 5, 2), ["one", "two …"]);
});
