import { KEY_BYTES_KEPT, LongKey } from "../../model/key.ts";

const CR = 13;
const LF = 10;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const DOLLAR = 36;
const STAR = 42;
const GREATER = 62;
const UNDERSCORE = 95;

/** A length line or a short frame that is longer than this is malformed: the stream is not what it should be. */
const LINE_BYTES_MAX = 64 * 1024;
/** Payloads longer than this are hashed piece by piece as they come, instead of kept until they are whole. */
const STREAMED_FROM_BYTES = 32 * 1024;
const BULK_BYTES_MAX = 512 * 1024 * 1024;
/** A frame that is kept until it is whole (a key in a channel's name cannot be streamed) may be so long. */
const REST_BYTES_MAX = 8 * 1024 * 1024;
const ITEMS_MAX = 64;

export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Receives what the frames say. Views of bytes are valid during the call only. */
export interface FrameSink {
  /** One keyspace event: the key `bytes[start, end)` (its kept form where it is long) in database `db`. */
  event(db: number, eventCode: number, bytes: Uint8Array, start: number, end: number): void;
  /** An event whose name the table does not know; it is counted under that name. */
  unknownEvent(name: string): void;
  /** Any other frame: a confirmation, PONG. */
  reply(items: readonly string[]): void;
  /** An error reply. */
  error(message: string): void;
  /** A message on a channel that is not a keyspace event's. */
  foreign(): void;
}

interface Channel {
  readonly bytes: Uint8Array;
  readonly db: number;
  readonly code: number;
  /** Only for names that the table does not know. */
  readonly unknownName: string | null;
}

/** Where the key is in a message: in its payload (`__keyevent@*__`) or in its channel (`__keyspace@*__`). */
export type KeyPlace = "payload" | "channel";

export interface FrameReaderOptions {
  readonly keyPlace: KeyPlace;
  readonly codeOf: (eventName: string) => number;
  readonly unknownCode: number;
  /**
   * In `channel` mode: whether a message of this pattern is the one that counts (a key fitting several patterns comes
   * once for each).
   */
  readonly counts?: (pattern: string, key: Uint8Array) => boolean;
}

/** How far a frame was read. */
const INCOMPLETE = -1;

/**
 * Reads the messages of a keyspace subscription from the socket's bytes, RESP2 (`*4 $8 pmessage`) and RESP3 (`>4`).
 *
 * Invariant: `#rest[0, #restLength)` holds the begun frame that the chunks so far did not complete, and nothing else.
 * Keys are handed on in place; no string is made for an event (channels are known by their bytes after the first time).
 * Throws: ProtocolError on bytes that are no RESP; the reader is void then.
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #options: FrameReaderOptions;
  readonly #channels = new Map<number, Channel[]>();
  #channelCount = 0;
  #rest: Uint8Array = new Uint8Array(4096);
  #restLength = 0;
  #streamed: StreamedKey | null = null;
  /** Set by `#readLine` and `#readBulk`: the number or the bulk's bounds. */
  #number = 0;
  #start = 0;

  constructor(sink: FrameSink, options: FrameReaderOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#streamed) {
      at = this.#continueStream(chunk);
      if (this.#streamed) return;
    }
    if (this.#restLength === 0) {
      const read = this.#readFrames(chunk, at, chunk.length);
      this.#keepRest(chunk, read, chunk.length);
      return;
    }
    this.#append(chunk, at);
    const read = this.#readFrames(this.#rest, 0, this.#restLength);
    this.#keepRest(this.#rest, read, this.#restLength);
  }

  #append(chunk: Uint8Array, from: number): void {
    const needed = this.#restLength + chunk.length - from;
    if (needed > REST_BYTES_MAX) throw new ProtocolError(`a frame of more than ${REST_BYTES_MAX} bytes`);
    if (needed > this.#rest.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(needed)));
      larger.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = larger;
    }
    this.#rest.set(chunk.subarray(from), this.#restLength);
    this.#restLength = needed;
  }

  #keepRest(bytes: Uint8Array, from: number, end: number): void {
    if (this.#streamed) {
      this.#restLength = 0;
      return;
    }
    if (bytes === this.#rest) {
      this.#rest.copyWithin(0, from, end);
      this.#restLength = end - from;
      return;
    }
    this.#restLength = 0;
    if (from < end) this.#append(bytes.subarray(0, end), from);
  }

  /** Reads whole frames from `at`; returns where the first incomplete one starts. */
  #readFrames(bytes: Uint8Array, at: number, end: number): number {
    let position = at;
    while (position < end) {
      const next = this.#readFrame(bytes, position, end);
      if (next === INCOMPLETE) return position;
      position = next;
      if (this.#streamed) return end;
    }
    return position;
  }

  #readFrame(bytes: Uint8Array, at: number, end: number): number {
    const type = bytes[at]!;
    if (type === STAR || type === GREATER) return this.#readArray(bytes, at, end);
    const afterLine = lineEnd(bytes, at + 1, end);
    if (afterLine === INCOMPLETE) return INCOMPLETE;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at + 1, afterLine - at - 3).toString("latin1");
    if (type === 0x2d) this.#sink.error(text);
    else if (type === 0x2b || type === COLON) this.#sink.reply([text]);
    else
      throw new ProtocolError(
        `unexpected byte 0x${type.toString(16).padStart(2, "0")} at the start of a frame`,
      );
    return afterLine;
  }

  #readArray(bytes: Uint8Array, at: number, end: number): number {
    let position = this.#readNumber(bytes, at + 1, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const items = this.#number;
    if (items < 1 || items > ITEMS_MAX) throw new ProtocolError(`a frame of ${items} items`);
    const isMessage = items === 4 && isPmessage(bytes, position, end);
    if (!isMessage) return this.#readOther(bytes, position, end, items);
    position += PMESSAGE.length;
    return this.#readMessage(bytes, position, end);
  }

  /** The pattern, the channel and the payload of a message. */
  #readMessage(bytes: Uint8Array, at: number, end: number): number {
    let position = this.#readBulk(bytes, at, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const patternStart = this.#start;
    const patternEnd = position - 2;
    position = this.#readBulk(bytes, position, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const channelStart = this.#start;
    const channelEnd = position - 2;
    if (this.#options.keyPlace === "channel") {
      return this.#readKeyspaceMessage(
        bytes,
        position,
        end,
        patternStart,
        patternEnd,
        channelStart,
        channelEnd,
      );
    }
    const channel = this.#channel(bytes, channelStart, channelEnd);
    const payloadEnd = this.#readBulk(bytes, position, end);
    if (payloadEnd === INCOMPLETE) return this.#beginStream(bytes, position, end, channel);
    this.#deliver(channel, bytes, this.#start, payloadEnd - 2);
    return payloadEnd;
  }

  #deliver(channel: Channel | null, bytes: Uint8Array, start: number, end: number): void {
    if (!channel) {
      this.#sink.foreign();
      return;
    }
    if (channel.unknownName !== null) this.#sink.unknownEvent(channel.unknownName);
    if (end - start <= KEY_BYTES_KEPT) {
      this.#sink.event(channel.db, channel.code, bytes, start, end);
      return;
    }
    const long = new LongKey();
    long.update(bytes, start, end);
    const kept = long.kept();
    this.#sink.event(channel.db, channel.code, kept, 0, kept.length);
  }

  #readKeyspaceMessage(
    bytes: Uint8Array,
    at: number,
    end: number,
    patternStart: number,
    patternEnd: number,
    channelStart: number,
    channelEnd: number,
  ): number {
    const afterEvent = this.#readBulk(bytes, at, end);
    if (afterEvent === INCOMPLETE) return INCOMPLETE;
    const prefix = readPrefix(bytes, channelStart, channelEnd, KEYSPACE_PREFIX);
    if (!prefix) {
      this.#sink.foreign();
      return afterEvent;
    }
    const key = bytes.subarray(prefix.end, channelEnd);
    if (!this.#options.counts?.(latin1(bytes, patternStart, patternEnd), key)) return afterEvent;
    const name = latin1(bytes, this.#start, afterEvent - 2);
    const code = this.#options.codeOf(name);
    const unknownName = code === this.#options.unknownCode ? name : null;
    const channel = { bytes, db: prefix.db, code, unknownName };
    this.#deliver(channel, bytes, prefix.end, channelEnd);
    return afterEvent;
  }

  #readOther(bytes: Uint8Array, at: number, end: number, items: number): number {
    const texts: string[] = [];
    let position = at;
    for (let item = 0; item < items; item++) {
      if (position >= end) return INCOMPLETE;
      const isBulk = bytes[position] === DOLLAR;
      const next = isBulk ? this.#readBulk(bytes, position, end) : lineEnd(bytes, position + 1, end);
      if (next === INCOMPLETE) return INCOMPLETE;
      texts.push(isBulk ? latin1(bytes, this.#start, next - 2) : latin1(bytes, position + 1, next - 2));
      position = next;
    }
    this.#sink.reply(texts);
    return position;
  }

  /** Reads `$LENGTH\r\nBYTES\r\n`; `#start` is then where the bytes start; returns the position behind. */
  #readBulk(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end) return INCOMPLETE;
    if (bytes[at] !== DOLLAR) throw new ProtocolError("a bulk string was expected");
    const start = this.#readNumber(bytes, at + 1, end);
    if (start === INCOMPLETE) return INCOMPLETE;
    this.#start = start;
    const after = start + this.#number + 2;
    if (after > end) return INCOMPLETE;
    if (bytes[after - 2] !== CR || bytes[after - 1] !== LF)
      throw new ProtocolError("a bulk string has no end");
    return after;
  }

  /** Reads digits and `\r\n` into `#number`; returns the position behind. */
  #readNumber(bytes: Uint8Array, at: number, end: number): number {
    let value = 0;
    let position = at;
    for (; position < end; position++) {
      const byte = bytes[position]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + byte - ZERO;
      if (value > BULK_BYTES_MAX) throw new ProtocolError("a length beyond 512 MiB");
    }
    if (position + 2 > end) return INCOMPLETE;
    if (position === at || bytes[position] !== CR || bytes[position + 1] !== LF) {
      throw new ProtocolError("a length was expected");
    }
    this.#number = value;
    return position + 2;
  }

  /** A long key that has not come whole: what is there is hashed, and the rest as it comes. */
  #beginStream(bytes: Uint8Array, at: number, end: number, channel: Channel | null): number {
    if (at >= end) return INCOMPLETE;
    const start = this.#readNumber(bytes, at + 1, end);
    if (start === INCOMPLETE || this.#number < STREAMED_FROM_BYTES) return INCOMPLETE;
    const streamed = { key: new LongKey(), missingBytes: this.#number, endBytes: 2, channel };
    this.#streamed = streamed;
    feed(streamed, bytes, start, end);
    return end;
  }

  /** Returns where the bytes behind the streamed key start. */
  #continueStream(chunk: Uint8Array): number {
    const streamed = this.#streamed;
    if (!streamed) return 0;
    const at = feed(streamed, chunk, 0, chunk.length);
    if (streamed.missingBytes > 0 || streamed.endBytes > 0) return at;
    this.#streamed = null;
    const kept = streamed.key.kept();
    if (streamed.channel === null) this.#sink.foreign();
    else this.#deliverKept(streamed.channel, kept);
    return at;
  }

  #deliverKept(channel: Channel, kept: Uint8Array): void {
    if (channel.unknownName !== null) this.#sink.unknownEvent(channel.unknownName);
    this.#sink.event(channel.db, channel.code, kept, 0, kept.length);
  }

  /** Database and event of a channel, known by its bytes; `null` for a channel of something else. */
  #channel(bytes: Uint8Array, start: number, end: number): Channel | null {
    const length = end - start;
    // Names differ in their last bytes and in length; collisions are told apart by the whole.
    const hash = (length << 24) | (bytes[end - 1]! << 16) | (bytes[end - 3]! << 8) | bytes[end - 4]!;
    const known = this.#channels.get(hash);
    if (known)
      for (const channel of known) if (sameBytes(channel.bytes, bytes, start, length)) return channel;
    return this.#learnChannel(hash, bytes, start, end);
  }

  #learnChannel(hash: number, bytes: Uint8Array, start: number, end: number): Channel | null {
    const prefix = readPrefix(bytes, start, end, KEYEVENT_PREFIX);
    if (!prefix) return null;
    const name = latin1(bytes, prefix.end, end);
    const code = this.#options.codeOf(name);
    const unknownName = code === this.#options.unknownCode ? name : null;
    const channel = { bytes: bytes.slice(start, end), db: prefix.db, code, unknownName };
    // Anyone may publish to such a channel: made-up names must not grow the memory.
    if (this.#channelCount < CHANNELS_MAX) {
      this.#channelCount++;
      const list = this.#channels.get(hash);
      if (list) list.push(channel);
      else this.#channels.set(hash, [channel]);
    }
    return channel;
  }
}

interface StreamedKey {
  readonly key: LongKey;
  missingBytes: number;
  /** Of the `\r\n` behind the key. */
  endBytes: number;
  readonly channel: Channel | null;
}

const CHANNELS_MAX = 4096;
const PMESSAGE = Buffer.from("$8\r\npmessage\r\n");
const KEYEVENT_PREFIX = Buffer.from("__keyevent@");
const KEYSPACE_PREFIX = Buffer.from("__keyspace@");

/** Takes what belongs to the streamed key; returns the position behind. */
function feed(streamed: StreamedKey, bytes: Uint8Array, at: number, end: number): number {
  const taken = Math.min(streamed.missingBytes, end - at);
  if (taken > 0) streamed.key.update(bytes, at, at + taken);
  streamed.missingBytes -= taken;
  let position = at + taken;
  while (streamed.missingBytes === 0 && streamed.endBytes > 0 && position < end) {
    const expected = streamed.endBytes === 2 ? CR : LF;
    if (bytes[position] !== expected) throw new ProtocolError("a bulk string has no end");
    streamed.endBytes--;
    position++;
  }
  return position;
}

function isPmessage(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < PMESSAGE.length) return false;
  for (let i = 0; i < PMESSAGE.length; i++) if (bytes[at + i] !== PMESSAGE[i]) return false;
  return true;
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** Reads `PREFIX DB __:`; `null` where the bytes are something else. */
function readPrefix(
  bytes: Uint8Array,
  start: number,
  end: number,
  prefix: Uint8Array,
): { db: number; end: number } | null {
  if (end - start < prefix.length + 4) return null;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return null;
  let db = 0;
  let position = start + prefix.length;
  const digitsStart = position;
  for (; position < end; position++) {
    const byte = bytes[position]!;
    if (byte < ZERO || byte > NINE) break;
    db = db * 10 + byte - ZERO;
    if (db > 0x7fffffff) return null;
  }
  if (position === digitsStart || position + 3 > end) return null;
  const closes =
    bytes[position] === UNDERSCORE && bytes[position + 1] === UNDERSCORE && bytes[position + 2] === COLON;
  return closes ? { db, end: position + 3 } : null;
}

/** The position behind the next `\r\n`. */
function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let position = at; position + 1 < end; position++) {
    if (bytes[position] === CR && bytes[position + 1] === LF) return position + 2;
  }
  if (end - at > LINE_BYTES_MAX) throw new ProtocolError("a line without an end");
  return INCOMPLETE;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
