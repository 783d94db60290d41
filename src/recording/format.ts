import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { RECORD_BYTES_MAX } from "../wire/limits.ts";

/**
 * The form of a recording: 8 bytes that say what it is (the last one is the version of this form), then blocks.
 *
 * A block is the length of what follows packed, its length unpacked, and the CRC-32 of the packed bytes (32 bits each),
 * then the packed bytes (zstd). Unpacked it is entries: the time of arrival in ms since 1970 (a double), the length of
 * the record (32 bits), the record as in the panes topic. Numbers are little endian. So a tail that was torn off, by a
 * kill or a full disk, costs the last block alone.
 */
const VERSION = 1;
const NAME = Buffer.from("\u0089KHREC\n", "latin1");

export const MAGIC: Uint8Array = Buffer.concat([NAME, Buffer.of(VERSION)]);
export const BLOCK_HEAD_BYTES = 12;

const ENTRY_HEAD_BYTES = 12;
/** A block is closed when it has this much, unpacked; one record more may be in it. */
export const BLOCK_BYTES_MIN = 256 * 1024;
const BLOCK_BYTES_MAX = BLOCK_BYTES_MIN + ENTRY_HEAD_BYTES + RECORD_BYTES_MAX;
/** What does not compress grows a little. */
const PACKED_BYTES_MAX = BLOCK_BYTES_MAX + 64 * 1024;
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A record, and when it was published. */
export interface RecordedBytes {
  /** ms since 1970. */
  readonly atMs: number;
  readonly record: Uint8Array;
}

export interface BlockHead {
  readonly packedBytes: number;
  readonly plainBytes: number;
  readonly checksum: number;
}

/** Why bytes are no recording that this version can read; `null`: they begin one. */
export function magicProblem(bytes: Uint8Array): string | null {
  const isNamed = NAME.every((byte, index) => bytes[index] === byte);
  if (!isNamed || bytes.length < MAGIC.length) return "is not a recording of Keyheat";
  const version = bytes[NAME.length] ?? 0;
  if (version === VERSION) return null;
  return `is a recording of version ${version}; this Keyheat reads version ${VERSION}`;
}

/** The bytes that a record takes in a block. */
export function entryOf({ atMs, record }: RecordedBytes): Buffer {
  const head = Buffer.alloc(ENTRY_HEAD_BYTES);
  head.writeDoubleLE(atMs, 0);
  head.writeUInt32LE(record.length, 8);
  return Buffer.concat([head, record]);
}

/** A block of entries, with its head. */
export function packBlock(entries: readonly Uint8Array[]): Buffer {
  const plain = Buffer.concat(entries);
  const packed = zstdCompressSync(plain, LEVEL);
  const head = Buffer.alloc(BLOCK_HEAD_BYTES);
  head.writeUInt32LE(packed.length, 0);
  head.writeUInt32LE(plain.length, 4);
  head.writeUInt32LE(crc32(packed), 8);
  return Buffer.concat([head, packed]);
}

/** What the head of a block says; `null`: there is no such block. */
export function readBlockHead(head: Buffer): BlockHead | null {
  if (head.length < BLOCK_HEAD_BYTES) return null;
  const packedBytes = head.readUInt32LE(0);
  const plainBytes = head.readUInt32LE(4);
  const isPossible =
    packedBytes > 0 && plainBytes > 0 && packedBytes <= PACKED_BYTES_MAX && plainBytes <= BLOCK_BYTES_MAX;
  return isPossible ? { packedBytes, plainBytes, checksum: head.readUInt32LE(8) } : null;
}

/** The records of a block; `null` where it is damaged. Never throws. */
export function unpackBlock({ plainBytes, checksum }: BlockHead, packed: Uint8Array): RecordedBytes[] | null {
  if (crc32(packed) !== checksum) return null;
  try {
    return readEntries(zstdDecompressSync(packed, { maxOutputLength: plainBytes }));
  } catch {
    // A checksum proves that nothing broke, not who wrote it.
    return null;
  }
}

function readEntries(plain: Buffer): RecordedBytes[] | null {
  const entries: RecordedBytes[] = [];
  let at = 0;
  while (at < plain.length) {
    if (at + ENTRY_HEAD_BYTES > plain.length) return null;
    const atMs = plain.readDoubleLE(at);
    const start = at + ENTRY_HEAD_BYTES;
    const end = start + plain.readUInt32LE(at + 8);
    if (!isTime(atMs) || end > plain.length) return null;
    entries.push({ atMs, record: plain.subarray(start, end) });
    at = end;
  }
  return entries;
}

/** The last time that a date can name. */
const TIME_MS_MAX = 8.64e15;

function isTime(ms: number): boolean {
  return ms >= 0 && ms <= TIME_MS_MAX;
}
