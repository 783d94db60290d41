import { TEXT_BYTES_MAX } from "./limits.ts";

const UTF8_BYTES_PER_CHARACTER_MAX = 3;
const CHARACTERS_MAX = Math.floor(TEXT_BYTES_MAX / UTF8_BYTES_PER_CHARACTER_MAX);

/** A text for people, cut to what readers take: they would refuse the whole record. */
export function clippedText(text: string): string {
  return text.length <= CHARACTERS_MAX ? text : text.slice(0, CHARACTERS_MAX).toWellFormed();
}
