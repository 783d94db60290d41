import { DB_MAX } from "../../panes/sketch.ts";
import { COLON, NINE, UNDERSCORE, ZERO } from "./resp-bytes.ts";

/** Anyone may publish to such a channel: made-up names must not grow the memory. */
const CHANNELS_MAX = 4096;
const KEYEVENT_PREFIX = Buffer.from("__keyevent@");
const KEYSPACE_PREFIX = Buffer.from("__keyspace@");

/** Codes of events by name. */
export interface EventCodes {
  readonly codeOf: (eventName: string) => number;
  /** What `codeOf` gives for a name that it does not know. */
  readonly unknownCode: number;
}

/** Database and event that a message speaks of. */
export interface Channel {
  readonly db: number;
  readonly code: number;
  /** Only where the name is not known. */
  readonly unknownName: string | null;
}

interface KnownChannel extends Channel {
  readonly bytes: Uint8Array;
}

/** Keyevent channels by their bytes: after the first message of a channel no string is made for another. */
export class ChannelTable {
  readonly #codes: EventCodes;
  readonly #channels = new Map<number, KnownChannel[]>();
  #size = 0;

  constructor(codes: EventCodes) {
    this.#codes = codes;
  }

  /** The channel `__keyevent@DB__:EVENT` in `bytes[start, end)`; `null` for a channel of something else. */
  of(bytes: Uint8Array, start: number, end: number): Channel | null {
    const length = end - start;
    // Names differ in their last bytes and in length; collisions are told apart by the whole.
    const hash = (length << 24) | (bytes[end - 1]! << 16) | (bytes[end - 3]! << 8) | bytes[end - 4]!;
    const known = this.#channels.get(hash);
    if (known)
      for (const channel of known) if (sameBytes(channel.bytes, bytes, start, length)) return channel;
    return this.#learn(hash, bytes, start, end);
  }

  #learn(hash: number, bytes: Uint8Array, start: number, end: number): Channel | null {
    const prefix = readPrefix(bytes, start, end, KEYEVENT_PREFIX);
    if (!prefix) return null;
    const channel = {
      bytes: bytes.slice(start, end),
      ...namedChannel(prefix.db, latin1(bytes, prefix.end, end), this.#codes),
    };
    if (this.#size >= CHANNELS_MAX) return channel;
    this.#size++;
    const list = this.#channels.get(hash);
    if (list) list.push(channel);
    else this.#channels.set(hash, [channel]);
    return channel;
  }
}

export function namedChannel(db: number, eventName: string, { codeOf, unknownCode }: EventCodes): Channel {
  const code = codeOf(eventName);
  return { db, code, unknownName: code === unknownCode ? eventName : null };
}

/** Reads `__keyspace@DB__:`: the database, and where the key starts; `null` where the bytes are something else. */
export function readKeyspacePrefix(
  bytes: Uint8Array,
  start: number,
  end: number,
): { db: number; end: number } | null {
  return readPrefix(bytes, start, end, KEYSPACE_PREFIX);
}

function readPrefix(
  bytes: Uint8Array,
  start: number,
  end: number,
  prefix: Uint8Array,
): { db: number; end: number } | null {
  if (end - start < prefix.length + 4) return null;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return null;
  const digitsStart = start + prefix.length;
  let position = digitsStart;
  let db = 0;
  for (; position < end; position++) {
    const byte = bytes[position]!;
    if (byte < ZERO || byte > NINE) break;
    db = db * 10 + byte - ZERO;
    if (db > DB_MAX) return null;
  }
  if (position === digitsStart || position + 3 > end) return null;
  const closes =
    bytes[position] === UNDERSCORE && bytes[position + 1] === UNDERSCORE && bytes[position + 2] === COLON;
  return closes ? { db, end: position + 3 } : null;
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** Bytes as text, one character each: names of commands and patterns. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
