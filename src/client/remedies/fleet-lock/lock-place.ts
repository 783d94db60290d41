import { createHash } from "node:crypto";
import { SLOT_COUNT, slotOf } from "../../../model/slot.ts";
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
 * tag and would be part of one, such as `a}b` or `a{}`: `KEY:lock:NNNN` with four characters that bring it to the slot.
 */
export function lockNameOf(key: Buffer): Buffer {
  const name = Buffer.concat([key, Buffer.from(":lock")]);
  if (hasTag(key)) return name;
  if (!key.includes("{") && !key.includes("}")) {
    return Buffer.concat([name, Buffer.from(":{"), key, Buffer.from("}")]);
  }
  const first = Buffer.concat([name, Buffer.from(`:${FIRST_END}`)]);
  const end = endsByMove()[slotOf(first) ^ slotOf(key)]!;
  return Buffer.concat([name, Buffer.from(`:${end}`)]);
}

function hasTag(key: Buffer): boolean {
  const open = key.indexOf("{");
  return open >= 0 && key.indexOf("}", open + 1) > open + 1;
}

const FIRST_END = "0000";

let knownEnds: readonly string[] | null = null;

/**
 * What to put for `0000` at the end of a name without a hash tag, so that its slot moves to `slot ^ move`: the first of
 * 0000, 0001, ... zzzz (base 36). A CRC that starts from 0 is linear: what a change of some bytes does to it does not depend
 * on those before them. Takes some 10 ms, once.
 */
function endsByMove(): readonly string[] {
  if (knownEnds !== null) return knownEnds;
  const ends: string[] = new Array(SLOT_COUNT).fill("");
  const firstSlot = slotOf(Buffer.from(FIRST_END));
  for (let number = 0, missing = SLOT_COUNT; missing > 0; number++) {
    const end = number.toString(36).padStart(FIRST_END.length, "0");
    const move = firstSlot ^ slotOf(Buffer.from(end));
    if (ends[move] !== "") continue;
    ends[move] = end;
    missing--;
  }
  knownEnds = ends;
  return ends;
}
