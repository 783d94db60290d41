import { KEPT_KEY_BYTES_MAX, KEY_BYTES_KEPT, LongKey } from "../../model/key.ts";
import { viewOf } from "../../panes/key-words.ts";

/** One word at a time as it comes, in its kept form (cut from 1 KiB on), in constant memory. */
export class KeptWord {
  readonly #bytes = new Uint8Array(KEPT_KEY_BYTES_MAX);
  /** The word's bytes are `[0, length)` of it, until the next one begins. */
  readonly view = viewOf(this.#bytes);
  #length = 0;
  #long: LongKey | null = null;

  get length(): number {
    return this.#length;
  }

  begin(): void {
    this.#length = 0;
    this.#long = null;
  }

  pushByte(byte: number): void {
    if (this.#long === null && this.#length < KEY_BYTES_KEPT) this.#bytes[this.#length++] = byte;
    else this.#hash(Uint8Array.of(byte), 0, 1);
  }

  /** Takes `bytes[start, end)`. */
  push(bytes: Uint8Array, start: number, end: number): void {
    if (this.#long !== null || this.#length + end - start > KEY_BYTES_KEPT) {
      this.#hash(bytes, start, end);
      return;
    }
    for (let at = start; at < end; at++) this.#bytes[this.#length++] = bytes[at]!;
  }

  /** The word is whole: its kept form is in `view` from now on. */
  finish(): void {
    if (this.#long === null) return;
    this.#bytes.set(this.#long.kept());
    this.#length = KEPT_KEY_BYTES_MAX;
    this.#long = null;
  }

  /** It was no key: its bytes are wiped. */
  forget(): void {
    this.#bytes.fill(0);
    this.begin();
  }

  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  text(): string {
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString("latin1");
  }

  #hash(bytes: Uint8Array, start: number, end: number): void {
    if (this.#long === null) {
      this.#long = new LongKey();
      this.#long.update(this.#bytes, 0, this.#length);
    }
    this.#long.update(bytes, start, end);
  }
}
