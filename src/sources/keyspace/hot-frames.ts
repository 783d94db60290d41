import { KEY_BYTES_KEPT } from "../../model/key.ts";
import type { Channel } from "./channels.ts";
import type { EventSink } from "./frame-sink.ts";
import { CR, LF, NINE, ZERO } from "./resp-bytes.ts";

/** `\r\n` as a little-endian half word. */
const CRLF = 0x0a0d;
const DOUBLE_BYTES = 8;
/** The channel's length has two digits, its name at least so many bytes: `__keyevent@0__:x`. */
const CHANNEL_BYTES_MAX = 99;
const CHANNEL_BYTES_MIN = 16;
const HEADS_MAX = 128;
/** With a key's length behind it, less than what may be read ahead. */
const HEAD_BYTES_MAX = KEY_BYTES_KEPT;
const PLACES = 1024;

/** So many bytes behind the last one must be readable: what is beyond the end is looked at, but not believed. */
export const READ_AHEAD_BYTES = 2 * KEY_BYTES_KEPT;

/** All that a message of one channel begins with, from its first byte to the `$` before the key's length. */
interface Head {
  readonly length: number;
  /** The head as doubles from its start on, the last one overlapping: the fewest comparisons that see every byte. */
  readonly doubles: Float64Array;
  readonly db: number;
  readonly code: number;
}

/**
 * The hot loop: reads messages whose heads were seen before, and hands their keys on in place.
 *
 * Invariants:
 * - A message is handed on only when every byte of it was compared or is part of the key, and all of it has come.
 *   Whatever else there is (a new channel, a long key, a confirmation, half a frame, an error) is left to the careful
 *   reader, which gets it from its first byte on.
 * - No allocation, no string, no copy of a key.
 * - A head is ASCII, so as a double it is neither 0 nor NaN, and two such doubles are equal only if their bytes are.
 *
 * A server sends the same head for every message of one channel and pattern, so it is compared and never parsed.
 */
export class HotFrames {
  readonly #sink: EventSink;
  readonly #heads: Head[] = [];
  /** Index of a head plus one by a hash of its channel; linear probing. */
  readonly #places = new Uint8Array(PLACES);
  /** Where the digits of the channel's length start in a head; the same for all of them. */
  #channelAt = 0;

  constructor(sink: EventSink) {
    this.#sink = sink;
  }

  /** Remembers the head `view[start, channelEnd)`, `\r\n$` behind it, of a message that the careful reader has read. */
  learn(view: DataView, start: number, channelStart: number, channelEnd: number, channel: Channel): void {
    const channelAt = channelStart - 4 - start;
    const channelLength = channelEnd - channelStart;
    const length = channelEnd + 3 - start;
    const isKept =
      this.#heads.length < HEADS_MAX &&
      length <= HEAD_BYTES_MAX &&
      channelLength >= CHANNEL_BYTES_MIN &&
      channelLength <= CHANNEL_BYTES_MAX &&
      (this.#heads.length === 0 || channelAt === this.#channelAt);
    // A message whose head is known comes here too where its key is long.
    if (!isKept || !isAscii(view, start, channelEnd) || this.#headAt(view, start) !== null) return;
    const doubles = new Float64Array(Math.ceil(length / DOUBLE_BYTES));
    for (let i = 0; i < doubles.length; i++) {
      doubles[i] = view.getFloat64(start + Math.min(i * DOUBLE_BYTES, length - DOUBLE_BYTES), true);
    }
    this.#channelAt = channelAt;
    this.#heads.push({ length, doubles, db: channel.db, code: channel.code });
    let place = placeOf(view, channelEnd, channelLength);
    while (this.#places[place] !== 0) place = (place + 1) % PLACES;
    this.#places[place] = this.#heads.length;
  }

  /** Reads messages of `view[at, end)` for as long as they are whole and of known channels; returns how far. */
  read(view: DataView, at: number, end: number): number {
    const sink = this.#sink;
    let frame = at;
    while (frame < end) {
      const head = this.#headAt(view, frame);
      if (head === null) return frame;
      let position = frame + head.length;
      let length: number;
      const digits = view.getInt32(position, true);
      if (digits >>> 16 === CRLF) {
        length = twoDigits(digits);
        position += 4;
      } else {
        length = 0;
        let digit = view.getUint8(position++);
        while (digit >= ZERO && digit <= NINE && length <= KEY_BYTES_KEPT) {
          length = length * 10 + digit - ZERO;
          digit = view.getUint8(position++);
        }
        if (digit !== CR || view.getUint8(position++) !== LF) return frame;
      }
      const keyEnd = position + length;
      if (length < 0 || length > KEY_BYTES_KEPT || keyEnd + 2 > end) return frame;
      if (view.getUint16(keyEnd, true) !== CRLF) return frame;
      sink.event(head.db, head.code, view, position, keyEnd);
      frame = keyEnd + 2;
    }
    return frame;
  }

  #headAt(view: DataView, frame: number): Head | null {
    const digits = view.getInt32(frame + this.#channelAt, true);
    const channelLength = twoDigits(digits);
    if (digits >>> 16 !== CRLF || channelLength < CHANNEL_BYTES_MIN) return null;
    const channelEnd = frame + this.#channelAt + 4 + channelLength;
    for (let place = placeOf(view, channelEnd, channelLength); ; place = (place + 1) % PLACES) {
      const index = this.#places[place]!;
      if (index === 0) return null;
      const head = this.#heads[index - 1]!;
      if (isHead(head, view, frame)) return head;
    }
  }
}

function isHead({ length, doubles }: Head, view: DataView, frame: number): boolean {
  const last = doubles.length - 1;
  for (let i = 0; i < last; i++) {
    if (view.getFloat64(frame + i * DOUBLE_BYTES, true) !== doubles[i]) return false;
  }
  return view.getFloat64(frame + length - DOUBLE_BYTES, true) === doubles[last];
}

/** Channels differ in their last letters, or in their length. */
function placeOf(view: DataView, channelEnd: number, channelLength: number): number {
  return Math.imul(view.getInt32(channelEnd - 4, true) + channelLength, 0x9e3779b1) >>> 22;
}

/** The number that two digits say; negative, or above 99, where they are none. */
function twoDigits(word: number): number {
  const tens = (word & 0xff) - ZERO;
  const ones = ((word >>> 8) & 0xff) - ZERO;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : 10 * tens + ones;
}

function isAscii(view: DataView, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = view.getUint8(at);
    if (byte === 0 || byte > 0x7e) return false;
  }
  return true;
}
