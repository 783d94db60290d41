import assert from "node:assert/strict";
import { test } from "node:test";
import { visible, visibleEnds, visibleHead } from "../../../src/model/visible-text.ts";

test("what cannot be seen is escaped, what can is left as it is", () => {
  assert.equal(visible("user:1 ключ 鍵 \\ 🔑"), "user:1 ключ 鍵 \\ 🔑");
  assert.equal(
    visible("a\u0000\n\u202e\u200b\u2028\u00a0\u3164\u{e0001}\u{f0000}"),
    "a\\u{0}\\u{a}\\u{202e}\\u{200b}\\u{2028}\\u{a0}\\u{3164}\\u{e0001}\\u{f0000}",
  );
  assert.equal(visible("\ud800"), "\ufffd");
});

test("long text is cut at its end or in its middle, never inside a character", () => {
  assert.deepEqual([visibleHead("abcdef", 6), visibleHead("abcdefg", 6)], ["abcdef", "abcde…"]);
  assert.deepEqual([visibleEnds("abcdef", 6), visibleEnds("abcdefg", 6)], ["abcdef", "abc…fg"]);
  for (const cut of [visibleHead("🔑🔑🔑", 4), visibleEnds("🔑🔑🔑🔑", 5)])
    assert.ok(cut.isWellFormed(), cut);
});
