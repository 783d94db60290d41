import { KEY_BYTES_KEPT, keep } from "../../model/key.ts";
import { viewOf } from "../../panes/key-words.ts";
import type { ByteRoom } from "./byte-room.ts";
import {
  type Channel,
  ChannelTable,
  type EventCodes,
  latin1,
  namedChannel,
  readKeyspacePrefix,
} from "./channels.ts";
import type { EventSink, ReplySink } from "./frame-sink.ts";
import { ProtocolError } from "./protocol-error.ts";
import { COLON, CR, DOLLAR, GREATER, LF, MINUS, NINE, PLUS, STAR, ZERO } from "./resp-bytes.ts";
import { StreamedKey } from "./streamed-key.ts";

/** A length line or a short frame that is longer than this is malformed: the stream is not what it should be. */
const LINE_BYTES_MAX = 64 * 1024;
/** Payloads longer than this are hashed piece by piece as they come, instead of kept until they are whole. */
const STREAMED_FROM_BYTES = 32 * 1024;
const BULK_BYTES_MAX = 512 * 1024 * 1024;
const ITEMS_MAX = 64;

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

/** Hears of the head of a message whose channel speaks of a keyspace event, with the key in the payload. */
export type OnHead = (
  view: DataView,
  start: number,
  channelStart: number,
  channelEnd: number,
  channel: Channel,
) => void;

/** The frame has not come whole. */
export const INCOMPLETE = -1;

/**
 * Reads frames one at a time, of whatever kind, RESP2 (`*4 $8 pmessage`) and RESP3 (`>4`); a long key as it comes.
 *
 * Throws: ProtocolError on bytes that are no RESP; the reader is void then.
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class CarefulFrames {
  readonly #events: EventSink;
  readonly #replies: ReplySink;
  readonly #options: FrameReaderOptions;
  readonly #channels: ChannelTable;
  readonly #onHead: OnHead;
  #streamed: StreamedKey | null = null;
  /** Set by `#readNumber` and `#readBulk`: the number, or where the bulk's bytes start. */
  #number = 0;
  #start = 0;

  constructor(events: EventSink, replies: ReplySink, options: FrameReaderOptions, onHead: OnHead) {
    this.#events = events;
    this.#replies = replies;
    this.#options = options;
    this.#channels = new ChannelTable(options);
    this.#onHead = onHead;
  }

  /** Whether the frame that has begun is a long key, which is taken as it comes. */
  get isStreaming(): boolean {
    return this.#streamed !== null;
  }

  /** Takes what belongs to the long key; returns where the bytes behind it start. */
  continueStream({ bytes }: ByteRoom, at: number, end: number): number {
    const streamed = this.#streamed;
    if (streamed === null) return at;
    const after = streamed.feed(bytes, at, end);
    if (streamed.isWhole) {
      this.#streamed = null;
      this.#deliverKept(streamed.channel, streamed.kept());
    }
    return after;
  }

  /** Reads the frame at `at`; returns where the next one starts, or `INCOMPLETE`. */
  readFrame(room: ByteRoom, at: number, end: number): number {
    const { bytes } = room;
    const type = bytes[at]!;
    if (type === STAR || type === GREATER) return this.#readArray(room, at, end);
    if (type !== MINUS && type !== PLUS && type !== COLON) {
      throw new ProtocolError(
        `unexpected byte 0x${type.toString(16).padStart(2, "0")} at the start of a frame`,
      );
    }
    const afterLine = lineEnd(bytes, at + 1, end);
    if (afterLine === INCOMPLETE) return INCOMPLETE;
    const text = latin1(bytes, at + 1, afterLine - 2);
    if (type === MINUS) this.#replies.error(text);
    else this.#replies.reply([text]);
    return afterLine;
  }

  #readArray(room: ByteRoom, at: number, end: number): number {
    const { bytes } = room;
    const position = this.#readNumber(bytes, at + 1, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const items = this.#number;
    if (items < 1 || items > ITEMS_MAX) throw new ProtocolError(`a frame of ${items} items`);
    const isMessage = items === 4 && isPmessage(bytes, position, end);
    return isMessage
      ? this.#readMessage(room, at, position + PMESSAGE.length, end)
      : this.#readOther(bytes, position, end, items);
  }

  /** The pattern, the channel and the payload of the message that starts at `frame`. */
  #readMessage(room: ByteRoom, frame: number, at: number, end: number): number {
    const { bytes, view } = room;
    let position = this.#readBulk(bytes, at, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const pattern = { start: this.#start, end: position - 2 };
    position = this.#readBulk(bytes, position, end);
    if (position === INCOMPLETE) return INCOMPLETE;
    const name = { start: this.#start, end: position - 2 };
    if (this.#options.keyPlace === "channel") {
      return this.#readKeyspaceMessage(bytes, position, end, pattern, name);
    }
    const channel = this.#channels.of(bytes, name.start, name.end);
    const payloadEnd = this.#readBulk(bytes, position, end);
    if (payloadEnd === INCOMPLETE) return this.#beginStream(bytes, position, end, channel);
    if (channel !== null && channel.unknownName === null) {
      this.#onHead(view, frame, name.start, name.end, channel);
    }
    this.#deliver(channel, room, this.#start, payloadEnd - 2);
    return payloadEnd;
  }

  #deliver(channel: Channel | null, { bytes, view }: ByteRoom, start: number, end: number): void {
    if (channel !== null && channel.unknownName === null && end - start <= KEY_BYTES_KEPT) {
      this.#events.event(channel.db, channel.code, view, start, end);
    } else this.#deliverKept(channel, keep(bytes.subarray(start, end)));
  }

  #readKeyspaceMessage(
    bytes: Uint8Array,
    at: number,
    end: number,
    pattern: { start: number; end: number },
    name: { start: number; end: number },
  ): number {
    const afterEvent = this.#readBulk(bytes, at, end);
    if (afterEvent === INCOMPLETE) return INCOMPLETE;
    const prefix = readKeyspacePrefix(bytes, name.start, name.end);
    if (!prefix) {
      this.#events.foreign();
      return afterEvent;
    }
    const key = bytes.subarray(prefix.end, name.end);
    if (!this.#options.counts?.(latin1(bytes, pattern.start, pattern.end), key)) return afterEvent;
    const event = latin1(bytes, this.#start, afterEvent - 2);
    this.#deliverKept(namedChannel(prefix.db, event, this.#options), keep(key));
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
    this.#replies.reply(texts);
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
      this.#events.foreign();
      return;
    }
    if (channel.unknownName !== null) this.#events.unknownEvent(channel.unknownName);
    this.#events.event(channel.db, channel.code, viewOf(kept), 0, kept.length);
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
