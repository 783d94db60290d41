import { eastAsianWidth } from "get-east-asian-width";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const ASCII = /^[\x20-\x7e]*$/;
const CONTROL = /\p{Cc}/u;
/** Drawn onto what stands before it: marks, format characters, and the vowels and finals of a Hangul syllable. */
const ON_TOP = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7ff]/u;
/** Several code points that make one picture: flags, keycaps, joined and toned emoji, those asked for as a picture. */
const PICTURE =
  /^(?:\p{Regional_Indicator}{2}|[\d#*]\ufe0f\u20e3|\p{Extended_Pictographic}.*(?:\ufe0f|\u200d|\p{Emoji_Modifier}).*)$/su;

/** The characters of a text as people see them: what must not be torn apart. */
export function graphemesOf(text: string): string[] {
  return ASCII.test(text) ? Array.from(text) : Array.from(graphemes.segment(text), ({ segment }) => segment);
}

/**
 * Columns that one grapheme takes: those of its code points, added, but 2 for a picture of several.
 *
 * What is of ambiguous width (`±`, Greek, block elements) takes one, as outside East Asian locales.
 * Source: Unicode UAX #11 and UTS #51; widths of single code points as in get-east-asian-width.
 */
export function graphemeWidth(grapheme: string): number {
  if (PICTURE.test(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (ON_TOP.test(character) || CONTROL.test(character)) return 0;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
}

/** Columns that printable text takes in a terminal. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  return graphemesOf(text).reduce((width, grapheme) => width + graphemeWidth(grapheme), 0);
}

/** Whether every terminal agrees on how wide the text is. */
export function isWidthCertain(text: string): boolean {
  return ASCII.test(text);
}
