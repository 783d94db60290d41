import { DB_MAX } from "../../panes/sketch.ts";

/** A unix socket's path has at most 108 bytes. */
const HEAD_BYTES_MAX = 512;
const QUOTE = 0x22;
const PLUS = 0x2b;
const DOT = 0x2e;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const LF = 0x0a;
const SCRIPT = Buffer.from("lua");

/**
 * What stands before the words of a line of MONITOR: `+1700000000.123456 [0 127.0.0.1:50000] "`. The address may be of
 * IPv6 (with brackets of its own), `unix:/path` or `lua`. It ends at the first quote after a bracket and a space.
 */
export class LineHead {
  /** When the command ran by the server's clock, ms since 1970. */
  timeMs = 0;
  db = 0;
  /** A script made the call. */
  isScript = false;
  /** It came from the address `own`. */
  isOwn = false;
  readonly #own: Uint8Array | null;
  readonly #bytes = new Uint8Array(HEAD_BYTES_MAX);
  #length = 0;

  constructor(own: string | null) {
    this.#own = own === null ? null : Buffer.from(own, "latin1");
  }

  clear(): void {
    this.#length = 0;
  }

  /**
   * Takes bytes of `bytes[at, end)`; returns the position behind those it took. `isDone` says whether the head is whole;
   * `isBroken` that it is none, and then the rest of the line is no good.
   */
  take(bytes: Uint8Array, at: number, end: number): number {
    const head = this.#bytes;
    let length = this.#length;
    let position = at;
    while (position < end && length < HEAD_BYTES_MAX) {
      const byte = bytes[position]!;
      if (byte === LF) break;
      head[length++] = byte;
      position++;
      if (byte === QUOTE && head[length - 2] === SPACE && head[length - 3] === CLOSE) break;
    }
    this.#length = length;
    return position;
  }

  get isDone(): boolean {
    const length = this.#length;
    const head = this.#bytes;
    return head[length - 1] === QUOTE && head[length - 2] === SPACE && head[length - 3] === CLOSE;
  }

  get isFull(): boolean {
    return this.#length === HEAD_BYTES_MAX;
  }

  /** Reads a whole head. Whether it is one. */
  parse(): boolean {
    const head = this.#bytes;
    if (head[0] !== PLUS) return false;
    const secondsEnd = this.#digitsEnd(1);
    const fractionEnd = this.#digitsEnd(secondsEnd + 1);
    if (head[secondsEnd] !== DOT || head[fractionEnd] !== SPACE || head[fractionEnd + 1] !== OPEN)
      return false;
    const dbStart = fractionEnd + 2;
    const dbEnd = this.#digitsEnd(dbStart);
    if (dbEnd === dbStart || head[dbEnd] !== SPACE) return false;
    this.db = this.#number(dbStart, dbEnd);
    if (this.db > DB_MAX) return false;
    const microseconds = this.#number(secondsEnd + 1, fractionEnd);
    this.timeMs = this.#number(1, secondsEnd) * 1000 + microseconds / 1000;
    // Behind the address come a bracket, a space and a quote.
    const address = head.subarray(dbEnd + 1, this.#length - 3);
    this.isScript = isSame(address, SCRIPT);
    this.isOwn = this.#own !== null && isSame(address, this.#own);
    return true;
  }

  #digitsEnd(start: number): number {
    let at = start;
    while (at < this.#length && this.#bytes[at]! >= ZERO && this.#bytes[at]! <= NINE) at++;
    return at;
  }

  #number(start: number, end: number): number {
    let value = 0;
    for (let at = start; at < end; at++) value = value * 10 + this.#bytes[at]! - ZERO;
    return value;
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
