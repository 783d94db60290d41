import { KEPT_KEY_BYTES_MAX } from "../model/key.ts";

const WORD_BYTES = 4;
/** Random numbers before those of the key's own words: what is added, and one each for length and database. */
const LENGTH_PLACE = 1;
const DB_PLACE = 2;
const FIRST_WORD_PLACE = 4;
/** A word takes two of them, a byte of a short key one. */
const RANDOM_NUMBERS = FIRST_WORD_PLACE + 2 * Math.ceil(KEPT_KEY_BYTES_MAX / WORD_BYTES);

/**
 * Hashes keys of at most 1,034 bytes (the kept form) to 32 bits, of which the upper ones are the good ones.
 *
 * Multilinear over half words with random numbers of this process: whatever keys a stranger makes up, any two share
 * their upper 16 bits with a probability of about 2^-16 (Murmur and its like have collisions that no seed prevents).
 * Source: Lemire, Kaser, "Strongly universal string hashing is fast", The Computer Journal 57(11), 2014.
 */
export class KeyHasher {
  readonly #randoms: Int32Array;

  constructor() {
    this.#randoms = crypto.getRandomValues(new Int32Array(RANDOM_NUMBERS));
  }

  /** Hash of the key `keys[start, end)` in database `db`. */
  hash(db: number, keys: DataView, start: number, end: number): number {
    const randoms = this.#randoms;
    const length = end - start;
    let hash = randoms[0]! + Math.imul(length, randoms[LENGTH_PLACE]!) + Math.imul(db, randoms[DB_PLACE]!);
    let place = FIRST_WORD_PLACE;
    if (length < WORD_BYTES) {
      for (let at = start; at < end; at++) {
        hash = (hash + Math.imul(keys.getUint8(at), randoms[place++]!)) | 0;
      }
      return hash | 0;
    }
    // The last word overlaps the one before, so that no byte is left over: the length tells such keys apart.
    const last = end - WORD_BYTES;
    for (let at = start; at < last; at += WORD_BYTES) {
      const word = keys.getInt32(at, true);
      hash = (hash + Math.imul((word & 0xffff) + randoms[place]!, (word >>> 16) + randoms[place + 1]!)) | 0;
      place += 2;
    }
    const word = keys.getInt32(last, true);
    return (hash + Math.imul((word & 0xffff) + randoms[place]!, (word >>> 16) + randoms[place + 1]!)) | 0;
  }
}

/** Whether `a[aStart, aStart + length)` and `b[bStart, bStart + length)` are the same bytes. */
export function isSameKey(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  if (length < WORD_BYTES) {
    for (let i = 0; i < length; i++) if (a.getUint8(aStart + i) !== b.getUint8(bStart + i)) return false;
    return true;
  }
  const last = length - WORD_BYTES;
  for (let i = 0; i < last; i += WORD_BYTES) {
    if (a.getInt32(aStart + i, true) !== b.getInt32(bStart + i, true)) return false;
  }
  return a.getInt32(aStart + last, true) === b.getInt32(bStart + last, true);
}

/** Copies a key, without making an object as `set` and `subarray` would. */
export function copyKey(
  from: DataView,
  fromStart: number,
  to: DataView,
  toStart: number,
  length: number,
): void {
  let i = 0;
  for (; i + WORD_BYTES <= length; i += WORD_BYTES) {
    to.setInt32(toStart + i, from.getInt32(fromStart + i, true), true);
  }
  for (; i < length; i++) to.setUint8(toStart + i, from.getUint8(fromStart + i));
}

/** The hot path reads keys by words: the same bytes as a `DataView`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
