import { type Bytes, bytesOf } from "../commands.ts";

/** First bytes of a value with its recompute time. The digit is the version of the form. */
const MAGIC = Buffer.from("KHR1");
const DELTA_AT = MAGIC.length;
const HEADER_BYTES = DELTA_AT + 4;
const DELTA_MS_MAX = 0xffff_ffff;

/** A value, and how long it took to compute it. */
export interface Enclosed {
  readonly value: Buffer;
  /** Whole ms. `null`: somebody else wrote the value, without it. */
  readonly deltaMs: number | null;
}

/** `KHR1`, the recompute time in ms as 4 bytes (big-endian, unsigned), the value. A part of a ms counts as one. */
export function enclose(value: Bytes, deltaMs: number): Buffer {
  const bytes = bytesOf(value);
  const envelope = Buffer.allocUnsafe(HEADER_BYTES + bytes.length);
  MAGIC.copy(envelope);
  envelope.writeUInt32BE(Math.min(DELTA_MS_MAX, Math.ceil(deltaMs)), DELTA_AT);
  bytes.copy(envelope, HEADER_BYTES);
  return envelope;
}

/** What has no such head is taken for a value as it is. */
export function disclose(stored: Buffer): Enclosed {
  const isOurs = stored.length >= HEADER_BYTES && stored.subarray(0, DELTA_AT).equals(MAGIC);
  if (!isOurs) return { value: stored, deltaMs: null };
  return { value: stored.subarray(HEADER_BYTES), deltaMs: stored.readUInt32BE(DELTA_AT) };
}
