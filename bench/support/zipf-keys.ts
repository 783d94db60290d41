import { Zipf } from "../../test/support/zipf.ts";

/** Odd, and with no factor in common with a number of keys that is a power of ten. */
const SPREAD = 7_368_787;

/** Names of keys by Zipf's law, like `user:123456:profile`: popular ones are not neighbours. */
export class ZipfKeys {
  readonly #zipf: Zipf;
  readonly #keys: number;

  constructor(keys: number, exponent: number, seed = 1) {
    this.#zipf = new Zipf(keys, exponent, seed);
    this.#keys = keys;
  }

  next(): string {
    const number = (this.#zipf.next() * SPREAD) % this.#keys;
    return `user:${number}:profile`;
  }
}

/** Names one after the other: name `i` is `bytes[offsets[i], offsets[i + 1])`. */
export interface PackedNames {
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
}

export function packedKeys(keys: ZipfKeys, count: number): PackedNames {
  return pack(count, () => keys.next());
}

/** The same of any ASCII texts. */
export function pack(count: number, textOf: (index: number) => string): PackedNames {
  const offsets = new Uint32Array(count + 1);
  let bytes: Buffer = Buffer.alloc(count * 32);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const text = textOf(i);
    if (at + text.length > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(bytes.length)]);
    at += bytes.write(text, at, "latin1");
    offsets[i + 1] = at;
  }
  return { bytes: bytes.subarray(0, at), offsets };
}
