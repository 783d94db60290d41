import assert from "node:assert/strict";
import { test } from "node:test";
import { shownKeyText } from "../../../../src/cli/scan/key-text.ts";

test("a key of a scan is one printable line, also where its name is empty or cut", () => {
  const text = (key: string, keyEncoding: "utf8" | "base64" = "utf8", cut = false) =>
    shownKeyText({ key, keyEncoding, cut });
  assert.equal(text("user:1"), "user:1");
  assert.equal(text(""), '""');
  assert.equal(text("a\u001b[2J"), "a\\u{1b}[2J");
  assert.equal(text("/w==", "base64"), "\\xff");
  assert.equal(text("user:1", "utf8", true), "user:1...");
});
