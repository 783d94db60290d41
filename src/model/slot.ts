/** Number of hash slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** An inclusive range of hash slots: `[first, last]`. */
export type SlotRange = readonly [first: number, last: number];

/** Bytes that one step takes together. */
const STRIDE = 8;

/** `CRC16_TABLES[k][byte]`: the CRC of that byte and `k` zero bytes behind it. */
const CRC16_TABLES = makeCrc16Tables();

/** CRC-16/XMODEM, polynomial 0x1021. Source: Redis Cluster specification, appendix A. */
function makeCrc16Tables(): readonly Uint16Array[] {
  const first = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    first[byte] = crc & 0xffff;
  }
  const tables = [first];
  while (tables.length < STRIDE) {
    const before = tables.at(-1)!;
    tables.push(before.map((crc) => ((crc << 8) & 0xffff) ^ first[crc >> 8]!));
  }
  return tables;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = CRC16_TABLES as [
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
  Uint16Array,
];

/**
 * The CRC of what had `crc` and `bytes[start..end)` behind it. Eight bytes a step: keys of 100 KiB come as fast as a
 * server can send them. Source: Kounavis, Berry, "A systematic approach to building high performance software-based CRC
 * generators", ISCC 2005.
 */
function crc16(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let value = crc;
  let at = start;
  for (const last = end - STRIDE; at <= last; at += STRIDE) {
    value =
      T7[(value >> 8) ^ bytes[at]!]! ^
      T6[(value & 0xff) ^ bytes[at + 1]!]! ^
      T5[bytes[at + 2]!]! ^
      T4[bytes[at + 3]!]! ^
      T3[bytes[at + 4]!]! ^
      T2[bytes[at + 5]!]! ^
      T1[bytes[at + 6]!]! ^
      T0[bytes[at + 7]!]!;
  }
  for (; at < end; at++) value = ((value << 8) & 0xffff) ^ T0[((value >> 8) ^ bytes[at]!) & 0xff]!;
  return value;
}

const BEFORE_TAG = 0;
const IN_TAG = 1;
const DECIDED = 2;

/**
 * Hash slot of a key that arrives in pieces.
 *
 * Only the bytes between the first `{` and the first `}` after it count, where there is at least one between them;
 * else the whole key does. Source: Redis Cluster specification, "Hash tags".
 */
export class SlotHasher {
  #whole = 0;
  #tag = 0;
  #tagBytes = 0;
  #state = BEFORE_TAG;

  update(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (this.#isTagged) return;
    this.#whole = crc16(this.#whole, bytes, start, end);
    let from = start;
    if (this.#state === BEFORE_TAG) {
      const open = indexIn(bytes, OPEN_BRACE, start, end);
      if (open < 0) return;
      this.#state = IN_TAG;
      from = open + 1;
    }
    if (this.#state === IN_TAG) this.#takeTag(bytes, from, end);
  }

  /** Slot of all bytes so far: an integer in [0, 16384). */
  slot(): number {
    return (this.#isTagged ? this.#tag : this.#whole) % SLOT_COUNT;
  }

  /** Whether the tag is closed and not empty: nothing else counts. */
  get #isTagged(): boolean {
    return this.#state === DECIDED && this.#tagBytes > 0;
  }

  #takeTag(bytes: Uint8Array, from: number, end: number): void {
    const close = indexIn(bytes, CLOSE_BRACE, from, end);
    const tagEnd = close < 0 ? end : close;
    this.#tag = crc16(this.#tag, bytes, from, tagEnd);
    this.#tagBytes += tagEnd - from;
    if (close >= 0) this.#state = DECIDED;
  }
}

/** Below this a loop is faster than a view. */
const SHORT_BYTES = 64;

/** The first place of `byte` in `bytes[start..end)`; -1: there is none. */
function indexIn(bytes: Uint8Array, byte: number, start: number, end: number): number {
  if (end - start > SHORT_BYTES) {
    const found = bytes.subarray(start, end).indexOf(byte);
    return found < 0 ? -1 : start + found;
  }
  for (let at = start; at < end; at++) if (bytes[at] === byte) return at;
  return -1;
}

/** Hash slot of a whole key: an integer in [0, 16384). */
export function slotOf(key: Uint8Array): number {
  const hasher = new SlotHasher();
  hasher.update(key);
  return hasher.slot();
}

/** The unit of partitioning from agent to aggregator: an integer in [0, buckets). */
export function bucketOfSlot(slot: number, buckets: number): number {
  return Math.floor((slot * buckets) / SLOT_COUNT);
}

/** Whether `slot` is in one of `ranges`; `null` ranges (not in Cluster mode) cover every slot. */
export function coversSlot(ranges: readonly SlotRange[] | null, slot: number): boolean {
  return ranges === null || ranges.some(([first, last]) => slot >= first && slot <= last);
}

/** Every bucket that the slots touch; outside Cluster mode (`null`) there is one. */
export function bucketsOfSlots(slots: readonly SlotRange[] | null, buckets: number): Set<number> {
  if (slots === null) return new Set([0]);
  const touched = new Set<number>();
  for (const [first, last] of slots) {
    const lastBucket = bucketOfSlot(Math.min(last, SLOT_COUNT - 1), buckets);
    for (let bucket = bucketOfSlot(first, buckets); bucket <= lastBucket; bucket++) touched.add(bucket);
  }
  return touched;
}
