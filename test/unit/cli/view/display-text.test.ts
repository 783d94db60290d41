import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cutEnd,
  displayWidth,
  fit,
  piecesOf,
  printable,
  wrap,
} from "../../../../src/cli/view/display-text.ts";
import fc from "../../../support/fast-check.ts";

test("text from elsewhere cannot command the terminal", () => {
  assert.equal(printable("a\u001b[31mb\nc\u202ed\u009b"), "a [31mb c d");
  assert.equal(printable("lone \ud800"), "lone \ufffd");
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

test("a word that is wider than a line is broken, not cut: it may be what has to be run", () => {
  assert.deepEqual(wrap("run notify-keyspace-events now", 10, 5), [
    "run",
    "notify-key",
    "space-even",
    "ts now",
  ]);
});

const text = fc.string({ unit: "grapheme", maxLength: 60 });

test("what is fitted takes exactly its columns, whatever it is", () => {
  const property = fc.property(text, fc.integer({ min: 0, max: 40 }), (any, columns) => {
    assert.equal(displayWidth(fit(any, columns)), columns);
    assert.ok(displayWidth(cutEnd(any, columns)) <= columns);
  });
  fc.assert(property);
});

test("pieces are the whole text, none wider than asked for unless it is one character", () => {
  const property = fc.property(text, fc.integer({ min: 2, max: 20 }), (any, columns) => {
    const pieces = piecesOf(any, columns);
    assert.equal(pieces.join(""), any);
    for (const piece of pieces) assert.ok(displayWidth(piece) <= columns, piece);
  });
  fc.assert(property);
});
