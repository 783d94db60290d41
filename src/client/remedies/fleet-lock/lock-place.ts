import { createHash } from "node:crypto";
import { slotOf } from "../../../model/slot.ts";
import { type Bytes, bytesOf } from "../commands.ts";

/** Where the lock of a key is, and where it is told that it is free. */
export interface LockPlace {
  readonly key: Bytes;
  /** The lock's key, without the client's prefix. It is in the slot of `key`. */
  readonly lock: Buffer;
  /** Channel of pub/sub: text of ASCII, as clients decode names of channels. */
  readonly channel: string;
}

const CHANNEL_PREFIX = "keyheat:lock:";

export function lockPlaceOf(key: Bytes, keyPrefix: Buffer): LockPlace {
  const prefixed = Buffer.concat([keyPrefix, bytesOf(key)]);
  const name = lockNameOf(prefixed);
  return {
    key,
    lock: name.subarray(keyPrefix.length),
    channel: CHANNEL_PREFIX + createHash("sha1").update(name).digest("hex"),
  };
}

/**
 * The key of a lock, made of the key as the server knows it: it starts with it, is in the same slot, and is the same from
 * every client, whatever part of the key is that client's prefix.
 *
 * `KEY:lock` where the key has a hash tag; `KEY:lock:{KEY}` where it has no brace. What is left has braces that are no
 * tag and would be part of one, such as `a}b` or `a{}`: `KEY:lock:{N}` with the first N (base 36) that has the slot.
 * Trying them takes some milliseconds.
 */
export function lockNameOf(key: Buffer): Buffer {
  const name = Buffer.concat([key, Buffer.from(":lock")]);
  if (hasTag(key)) return name;
  if (!key.includes("{") && !key.includes("}")) return withTag(name, key);
  const slot = slotOf(key);
  for (let number = 0; ; number++) {
    const tried = withTag(name, Buffer.from(number.toString(36)));
    if (slotOf(tried) === slot) return tried;
  }
}

function hasTag(key: Buffer): boolean {
  const open = key.indexOf("{");
  return open >= 0 && key.indexOf("}", open + 1) > open + 1;
}

function withTag(name: Buffer, tag: Buffer): Buffer {
  return Buffer.concat([name, Buffer.from(":{"), tag, Buffer.from("}")]);
}
