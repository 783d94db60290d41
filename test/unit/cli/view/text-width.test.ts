import assert from "node:assert/strict";
import { test } from "node:test";
import { displayWidth, graphemesOf } from "../../../../src/cli/view/text-width.ts";

/** Texts with the columns that terminals give them. Sources: UAX #11, UTS #51. */
const KNOWN: readonly (readonly [what: string, text: string, columns: number])[] = [
  ["ASCII", "user:1", 6],
  ["Latin with marks of its own", "é", 1],
  ["a letter and a combining mark", "e\u0301", 1],
  ["a letter and three combining marks", "a\u0300\u0323\u0489", 1],
  ["Greek", "Ωμέγα", 5],
  ["Cyrillic", "ключ", 4],
  ["ideographs", "日本語", 6],
  ["ideographs beyond the basic plane", "\u{20000}\u{30000}", 4],
  ["Hiragana with a combining voicing mark", "か\u3099", 2],
  ["fullwidth Latin", "Ａ１", 4],
  ["halfwidth Katakana", "ｱｲ", 2],
  ["ideographic space", "\u3000", 2],
  ["Hangul syllables", "한글", 4],
  ["a Hangul syllable of jamo", "\u1112\u1161\u11ab", 2],
  ["Yi", "\ua000", 2],
  ["Thai with vowels above and below", "ที่นี่", 2],
  ["Thai with SARA AM", "กำ", 2],
  ["Devanagari, a vowel sign beside the letter", "कि", 2],
  ["Devanagari, a vowel sign above the letter", "के", 1],
  ["Hebrew", "שלום", 4],
  ["Hebrew with points", "ש\u05c1\u05b8", 1],
  ["Arabic", "مفتاح", 5],
  ["Arabic with vowel marks", "م\u064fف\u0652", 2],
  ["an emoji", "🔥", 2],
  ["an emoji of Unicode 16", "\u{1fae9}", 2],
  ["a family, joined", "👨\u200d👩\u200d👧\u200d👦", 2],
  ["a rainbow flag, joined", "🏳\ufe0f\u200d🌈", 2],
  ["a toned hand", "👍🏽", 2],
  ["a country's flag", "🇩🇪", 2],
  ["two flags", "🇩🇪🇫🇷", 4],
  ["a flag of tags", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", 2],
  ["a keycap", "1\ufe0f\u20e3", 2],
  ["a heart as text", "❤", 1],
  ["a heart as a picture", "❤\ufe0f", 2],
  ["a watch, which is a picture by itself", "⌚", 2],
  ["a zero-width joiner and a zero-width space", "a\u200d\u200bb", 2],
  ["box drawing, blocks, plus-minus", "─█±", 3],
  ["nothing", "", 0],
];

for (const [what, text, columns] of KNOWN) {
  test(`${what}: ${columns} columns`, () => {
    assert.equal(displayWidth(text), columns);
  });
}

test("what people see as one character is not torn apart", () => {
  assert.deepEqual(graphemesOf("a👨\u200d👩\u200d👧e\u0301🇩🇪"), ["a", "👨\u200d👩\u200d👧", "e\u0301", "🇩🇪"]);
  assert.deepEqual(graphemesOf("user"), ["u", "s", "e", "r"]);
});
