import { type ByteRoom, byteRoom } from "./byte-room.ts";
import { CarefulFrames, type FrameReaderOptions, INCOMPLETE } from "./careful-frames.ts";
import type { EventSink, ReplySink } from "./frame-sink.ts";
import { HotFrames, READ_AHEAD_BYTES } from "./hot-frames.ts";
import { ProtocolError } from "./protocol-error.ts";

/** One read of the socket. */
const READ_BYTES = 64 * 1024;
/** A begun frame of so many bytes is kept right before the place of the next read. */
const REST_BYTES = 64 * 1024;
/** A frame that is kept until it is whole (a key in a channel's name cannot be streamed) may be so long. */
const LONG_FRAME_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Reads the messages of a keyspace subscription from the socket's bytes.
 *
 * Invariant: what has come of a begun frame lies in `#room[READ_AT - #restLength, READ_AT)`, so that with the next read
 * it is whole in one piece; where it is longer than that room it lies in `#long`, and a long key is not kept at all.
 * Throws: ProtocolError on bytes that are no RESP; the reader is void then.
 */
export class FrameReader {
  /** Where the next bytes of the socket belong; then call `read`. */
  readonly input: Uint8Array;
  readonly #events: EventSink;
  readonly #careful: CarefulFrames;
  readonly #hot: HotFrames;
  readonly #room = byteRoom(REST_BYTES + READ_BYTES + READ_AHEAD_BYTES);
  #restLength = 0;
  #long: ByteRoom | null = null;
  #longLength = 0;

  constructor(events: EventSink, replies: ReplySink, options: FrameReaderOptions) {
    this.#events = events;
    this.#hot = new HotFrames(events);
    this.#careful = new CarefulFrames(
      events,
      replies,
      options,
      (view, start, nameStart, nameEnd, channel) => {
        if (view === this.#room.view) this.#hot.learn(view, start, nameStart, nameEnd, channel);
      },
    );
    this.input = this.#room.bytes.subarray(REST_BYTES, REST_BYTES + READ_BYTES);
  }

  /** Takes bytes from elsewhere than `input`. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += READ_BYTES) {
      const piece = chunk.subarray(at, at + READ_BYTES);
      this.input.set(piece);
      this.read(piece.length);
    }
  }

  /** Takes the first `length` bytes of `input`. */
  read(length: number): void {
    const end = REST_BYTES + length;
    let at = REST_BYTES;
    if (this.#careful.isStreaming) at = this.#careful.continueStream(this.#room, at, end);
    if (this.#long !== null) {
      this.#readLong(this.#long, this.#room.bytes.subarray(at, end));
      return;
    }
    const from = this.#readFrames(at - this.#restLength, end);
    // Before the rest is moved: it may go where the last key lies.
    this.#events.endOfRead();
    this.#keepRest(from, end);
  }

  /** Reads whole frames from `at`; returns where the first incomplete one starts. */
  #readFrames(at: number, end: number): number {
    let position = at;
    while (position < end) {
      position = this.#hot.read(this.#room.view, position, end);
      if (position >= end) break;
      const next = this.#careful.readFrame(this.#room, position, end);
      if (next === INCOMPLETE) break;
      position = next;
    }
    return position;
  }

  #keepRest(from: number, end: number): void {
    this.#restLength = end - from;
    if (this.#restLength === 0) return;
    const { bytes } = this.#room;
    if (this.#restLength <= REST_BYTES) {
      bytes.copyWithin(REST_BYTES - this.#restLength, from, end);
      return;
    }
    const rest = bytes.subarray(from, end);
    this.#restLength = 0;
    this.#longLength = 0;
    this.#append(byteRoom(2 * rest.length), rest);
  }

  #readLong(long: ByteRoom, piece: Uint8Array): void {
    const room = this.#append(long, piece);
    let position = 0;
    while (position < this.#longLength) {
      const next = this.#careful.readFrame(room, position, this.#longLength);
      if (next === INCOMPLETE) break;
      position = next;
    }
    this.#events.endOfRead();
    const left = this.#longLength - position;
    if (left > REST_BYTES) {
      room.bytes.copyWithin(0, position, this.#longLength);
      this.#longLength = left;
      return;
    }
    this.#room.bytes.set(room.bytes.subarray(position, this.#longLength), REST_BYTES - left);
    this.#restLength = left;
    this.#long = null;
  }

  /** Adds to what has come of a frame that is too long for its room. */
  #append(long: ByteRoom, piece: Uint8Array): ByteRoom {
    const length = this.#longLength + piece.length;
    if (length > LONG_FRAME_BYTES_MAX) {
      throw new ProtocolError(`a frame of more than ${LONG_FRAME_BYTES_MAX} bytes`);
    }
    let room = long;
    if (length > room.bytes.length) {
      room = byteRoom(2 * length);
      room.bytes.set(long.bytes.subarray(0, this.#longLength));
    }
    room.bytes.set(piece, this.#longLength);
    this.#longLength = length;
    this.#long = room;
    return room;
  }
}
