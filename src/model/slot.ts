/** Number of hash slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** An inclusive range of hash slots: `[first, last]`. */
export type SlotRange = readonly [first: number, last: number];

const CRC16_TABLE = makeCrc16Table();

/** CRC-16/XMODEM, polynomial 0x1021. Source: Redis Cluster specification, appendix A. */
function makeCrc16Table(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = crc & 0xffff;
  }
  return table;
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
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      this.#whole = crc16Step(this.#whole, byte);
      this.#stepTag(byte);
    }
  }

  /** Slot of all bytes so far: an integer in [0, 16384). */
  slot(): number {
    const closed = this.#state === DECIDED && this.#tagBytes > 0;
    return (closed ? this.#tag : this.#whole) % SLOT_COUNT;
  }

  #stepTag(byte: number): void {
    if (this.#state === BEFORE_TAG) {
      if (byte === OPEN_BRACE) this.#state = IN_TAG;
      return;
    }
    if (this.#state === DECIDED) return;
    if (byte === CLOSE_BRACE) {
      this.#state = DECIDED;
      return;
    }
    this.#tag = crc16Step(this.#tag, byte);
    this.#tagBytes++;
  }
}

function crc16Step(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ CRC16_TABLE[((crc >> 8) ^ byte) & 0xff]!;
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
