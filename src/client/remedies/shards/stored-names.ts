import { type Bytes, bytesOf } from "../commands.ts";

/** Begins what remedies put beside the fields or members of a shard. */
export const RESERVED = "\0kh";
/** Begins a field or member that itself begins with RESERVED. */
const ESCAPED = `${RESERVED}=`;

/** What a field or member is called in a shard: the same, but where it would be taken for what is reserved. */
export function storedName(name: Bytes): Bytes {
  if (typeof name === "string") return name.startsWith(RESERVED) ? ESCAPED + name : name;
  const bytes = bytesOf(name);
  return begins(bytes, RESERVED) ? Buffer.concat([Buffer.from(ESCAPED), bytes]) : bytes;
}

/** What is called so in a shard; `null`: nothing that a caller put there. */
export function givenName(stored: Buffer): Buffer | null {
  if (!begins(stored, RESERVED)) return stored;
  return begins(stored, ESCAPED) ? stored.subarray(ESCAPED.length) : null;
}

function begins(bytes: Buffer, prefix: string): boolean {
  return bytes[0] === 0 && bytes.toString("latin1", 0, prefix.length) === prefix;
}
