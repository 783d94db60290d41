import { LongKey } from "../../model/key.ts";
import type { Channel } from "./channels.ts";
import { ProtocolError } from "./protocol-error.ts";
import { CR, LF } from "./resp-bytes.ts";

/** A long key in a payload that has not come whole: hashed piece by piece, in constant memory. */
export class StreamedKey {
  /** `null`: the message is on a channel of something else. */
  readonly channel: Channel | null;
  readonly #key = new LongKey();
  #missingBytes: number;
  /** Of the `\r\n` behind the key. */
  #endBytes = 2;

  constructor(length: number, channel: Channel | null) {
    this.#missingBytes = length;
    this.channel = channel;
  }

  get isWhole(): boolean {
    return this.#missingBytes === 0 && this.#endBytes === 0;
  }

  /** Takes what belongs to the key; returns the position behind. Throws: ProtocolError where its end is none. */
  feed(bytes: Uint8Array, at: number, end: number): number {
    const taken = Math.min(this.#missingBytes, end - at);
    if (taken > 0) this.#key.update(bytes, at, at + taken);
    this.#missingBytes -= taken;
    let position = at + taken;
    while (this.#missingBytes === 0 && this.#endBytes > 0 && position < end) {
      if (bytes[position] !== (this.#endBytes === 2 ? CR : LF))
        throw new ProtocolError("a bulk string has no end");
      this.#endBytes--;
      position++;
    }
    return position;
  }

  /** The kept form, once the key is whole. */
  kept(): Uint8Array {
    return this.#key.kept();
  }
}
