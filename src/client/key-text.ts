import { isUtf8 } from "node:buffer";
import type { TallyRow } from "./tally-row.ts";

/** A key as JSON can hold it. */
export interface KeyText {
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/** Text where the key's bytes are valid UTF-8: the same for a key given as text and as bytes. */
export function keyTextOf({ key, isBinary }: TallyRow): KeyText {
  // Of a lone surrogate a client sends the bytes of U+FFFD.
  if (!isBinary) return { key: key.toWellFormed(), keyEncoding: "utf8" };
  if (ASCII.test(key)) return { key, keyEncoding: "utf8" };
  const bytes = Buffer.from(key, "latin1");
  return isUtf8(bytes)
    ? { key: bytes.toString("utf8"), keyEncoding: "utf8" }
    : { key: bytes.toString("base64"), keyEncoding: "base64" };
}
