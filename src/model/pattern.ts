import { isCut, KEY_BYTES_KEPT } from "./key.ts";
import { isRedacted, redactedLabel } from "./redacted-key.ts";

/** Longest pattern, in characters; a longer one ends in `~`, as does that of a cut key. */
export const PATTERN_CHARACTERS_MAX = 256;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const TOKENS =
  /(?<![0-9a-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-z])|[0-9a-z\u0080-\uffff]+/gi;
const UUID_CHARACTERS = 36;
const HEX = /^(0x)?[0-9a-f]{8,}$/i;
const DIGITS = /[0-9]+/g;
const WORD_CHARACTERS_MAX = 64;
const NAMED_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * What keys of one kind have in common: `user:42` is `user:{n}`.
 *
 * A key is split at everything but letters, digits and bytes beyond ASCII. A UUID becomes `{uuid}`; of the other words,
 * hexadecimal ones of 8 and more characters with a digit `{hex}`, those that look random `{id}`, and runs of digits
 * `{n}`. Control characters are escaped, and so is what is no UTF-8 (`\xff`), so a pattern is one printable line. Of a
 * redacted key nothing but its label is known, and that is its pattern.
 *
 * Cost: linear in the key, of which at most the first 1 KiB counts.
 */
export function patternOf(kept: Uint8Array): string {
  if (isRedacted(kept)) return redactedLabel(kept);
  const cut = isCut(kept);
  const bytes = cut ? kept.subarray(0, KEY_BYTES_KEPT) : kept;
  const { text, isUtf8 } = decode(bytes);
  let pattern = "";
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    pattern += printable(text.slice(end, index), isUtf8) + printable(templateOf(token), isUtf8);
    end = index + token.length;
  }
  pattern += printable(text.slice(end), isUtf8);
  return bounded(pattern, cut);
}

/** Text, or where the bytes are no UTF-8 one character a byte. */
function decode(bytes: Uint8Array): { text: string; isUtf8: boolean } {
  try {
    return { text: strictUtf8.decode(bytes), isUtf8: true };
  } catch {
    return {
      text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1"),
      isUtf8: false,
    };
  }
}

function templateOf(token: string): string {
  if (token.length === UUID_CHARACTERS && token.includes("-")) return "{uuid}";
  const digits = countOf(token, DIGITS);
  if (digits === 0) return isLongEnoughToTell(token) && looksRandom(token) ? "{id}" : token;
  if (digits === token.length) return "{n}";
  if (HEX.test(token) && /[0-9]/.test(token.replace(/^0x/i, ""))) return "{hex}";
  if (looksRandom(token)) return "{id}";
  return token.replace(DIGITS, "{n}");
}

function countOf(token: string, pattern: RegExp): number {
  return token.match(pattern)?.reduce((sum, match) => sum + match.length, 0) ?? 0;
}

/** One in forty nanoids has no digit. Of words without, only those of some length can be told from names. */
function isLongEnoughToTell(word: string): boolean {
  return word.length >= 16 && word.length <= WORD_CHARACTERS_MAX;
}

/**
 * Whether a word was drawn, not chosen: names keep to one sort of character for long (`order2024`), while
 * nanoids, ULIDs and base62 change it every second character or so.
 */
function looksRandom(word: string): boolean {
  if (word.length > WORD_CHARACTERS_MAX) return true;
  const meanRun = word.length / runsOf(word);
  if (word.length < 8) return false;
  if (word.length < 12) return meanRun < 2;
  return word.length < 16 ? meanRun < 2.5 : meanRun < 3;
}

/** Runs of one sort: digits, capitals, small letters; a single capital belongs to the small letters after it. */
function runsOf(word: string): number {
  return word.match(/[0-9]+|[A-Z](?![A-Z])[^0-9A-Z]*|[A-Z]+|[^0-9A-Z]+/g)?.length ?? 0;
}

function printable(text: string, isUtf8: boolean): string {
  const escaped = isUtf8 ? text : text.replace(/[\u0080-\u00ff]/g, (byte) => `\\x${hexOf(byte)}`);
  return escaped.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return NAMED_ESCAPES[character] ?? `\\u{${hexOf(character)}}`;
  });
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}

function bounded(pattern: string, cut: boolean): string {
  if (!cut && pattern.length <= PATTERN_CHARACTERS_MAX) return pattern;
  const kept = pattern.slice(0, PATTERN_CHARACTERS_MAX - 1);
  // Half of a surrogate pair is no text.
  return `${kept.replace(/[\uD800-\uDBFF]$/, "")}~`;
}
