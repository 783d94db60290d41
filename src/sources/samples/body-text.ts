import { isUtf8 } from "node:buffer";
import { BadField } from "./bad-field.ts";

/** A batch needs four levels; newer clients may nest what they add. */
const DEPTH_MAX = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The JSON value that a body holds.
 *
 * Throws: BadField where it is not UTF-8, not JSON, or nested too deeply; that is found before anything is built.
 */
export function parseBody(body: Uint8Array): unknown {
  if (!isUtf8(body)) throw new BadField("", "expected text in UTF-8");
  if (isNestedDeeper(body, DEPTH_MAX))
    throw new BadField("", `expected at most ${DEPTH_MAX} levels of nesting`);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    throw new BadField("", "expected JSON");
  }
}

function isNestedDeeper(body: Uint8Array, max: number): boolean {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]!;
    if (isInText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) isInText = true;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      if (++depth > max) return true;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
  }
  return false;
}
