import { isUtf8 } from "node:buffer";
import { type Bytes, bytesOf } from "./commands.ts";

/** The second half of a surrogate pair: no well-formed text begins with it. */
const BINARY = "\udc00";

/** One name for a key, whether given as text or as bytes: the same for two keys only if their bytes are the same. */
export function keyIdOf(key: Bytes): string {
  // Of a lone surrogate a client sends the bytes of U+FFFD.
  if (typeof key === "string") return key.toWellFormed();
  const bytes = bytesOf(key);
  return isUtf8(bytes) ? bytes.toString() : BINARY + bytes.toString("latin1");
}

/** The key of a name: text where its bytes are valid UTF-8. */
export function keyOfId(id: string): string | Buffer {
  return id.startsWith(BINARY) ? Buffer.from(id.slice(BINARY.length), "latin1") : id;
}
