import { KEY_BYTES_KEPT, keep } from "../../model/key.ts";
import {
  type Channel,
  ChannelTable,
  type EventCodes,
  latin1,
  namedChannel,
  readKeyspacePrefix,
} from "./channels.ts";
import { ProtocolError } from "./protocol-error.ts";
import { StreamedKey } from "./streamed-key.ts";

const CR = 13;
const LF = 10;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const DOLLAR = 36;
const STAR = 42;
const GREATER = 62;

/** A length line or a short frame that is longer than this is malformed: the stream is not what it should be. */
const LINE_BYTES_MAX = 64 * 1024;
/** Payloads longer than this are hashed piece by piece as they come, instead of kept until they are whole. */
const STREAMED_FROM_BYTES = 32 * 1024;
const BULK_BYTES_MAX = 512 * 1024 * 1024;
/** A frame that is kept until it is whole (a key in a channel's name cannot be streamed) may be so long. */
const REST_BYTES_MAX = 8 * 1024 * 1024;
const ITEMS_MAX = 64;

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

/** Where the key is in a message: in its payload (`__keyevent@*__`) or in its channel (`__keyspace@*__`). */
export type KeyPlace = "payload" | "channel";

export interface FrameReaderOptions extends EventCodes {
  readonly keyPlace: KeyPlace;
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
  readonly #channels: ChannelTable;
  #rest: Uint8Array = new Uint8Array(4096);
  #restLength = 0;
  #streamed: StreamedKey | null = null;
  /** Set by `#readLine` and `#readBulk`: the number or the bulk's bounds. */
  #number = 0;
  #start = 0;

  constructor(sink: FrameSink, options: FrameReaderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#channels = new ChannelTable(options);
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    if (this.#streamed) {
      at = this.#continueStream(this.#streamed, chunk);
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
    const channel = this.#channels.of(bytes, channelStart, channelEnd);
    const payloadEnd = this.#readBulk(bytes, position, end);
    if (payloadEnd === INCOMPLETE) return this.#beginStream(bytes, position, end, channel);
    this.#deliver(channel, bytes, this.#start, payloadEnd - 2);
    return payloadEnd;
  }

  #deliver(channel: Channel | null, bytes: Uint8Array, start: number, end: number): void {
    if (channel !== null && channel.unknownName === null && end - start <= KEY_BYTES_KEPT) {
      this.#sink.event(channel.db, channel.code, bytes, start, end);
    } else this.#deliverKept(channel, keep(bytes.subarray(start, end)));
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
    const prefix = readKeyspacePrefix(bytes, channelStart, channelEnd);
    if (!prefix) {
      this.#sink.foreign();
      return afterEvent;
    }
    const key = bytes.subarray(prefix.end, channelEnd);
    if (!this.#options.counts?.(latin1(bytes, patternStart, patternEnd), key)) return afterEvent;
    const name = latin1(bytes, this.#start, afterEvent - 2);
    this.#deliver(namedChannel(prefix.db, name, this.#options), bytes, prefix.end, channelEnd);
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

  #deliverKept(channel: Channel | null, kept: Uint8Array): void {
    if (channel === null) {
      this.#sink.foreign();
      return;
    }
    if (channel.unknownName !== null) this.#sink.unknownEvent(channel.unknownName);
    this.#sink.event(channel.db, channel.code, kept, 0, kept.length);
  }

  /** A long key that has not come whole: what is there is hashed, and the rest as it comes. */
  #beginStream(bytes: Uint8Array, at: number, end: number, channel: Channel | null): number {
    if (at >= end) return INCOMPLETE;
    const start = this.#readNumber(bytes, at + 1, end);
    if (start === INCOMPLETE || this.#number < STREAMED_FROM_BYTES) return INCOMPLETE;
    this.#streamed = new StreamedKey(this.#number, channel);
    this.#streamed.feed(bytes, start, end);
    return end;
  }

  /** Returns where the bytes behind the streamed key start. */
  #continueStream(streamed: StreamedKey, chunk: Uint8Array): number {
    const at = streamed.feed(chunk, 0, chunk.length);
    if (!streamed.isWhole) return at;
    this.#streamed = null;
    this.#deliverKept(streamed.channel, streamed.kept());
    return at;
  }
}

const PMESSAGE = Buffer.from("$8\r\npmessage\r\n");
function isPmessage(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < PMESSAGE.length) return false;
  for (let i = 0; i < PMESSAGE.length; i++) if (bytes[at + i] !== PMESSAGE[i]) return false;
  return true;
}

/** The position behind the next `\r\n`. */
function lineEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let position = at; position + 1 < end; position++) {
    if (bytes[position] === CR && bytes[position + 1] === LF) return position + 2;
  }
  if (end - at > LINE_BYTES_MAX) throw new ProtocolError("a line without an end");
  return INCOMPLETE;
}
