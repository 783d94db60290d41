import { isUtf8 } from "node:buffer";
import { LRUCache } from "lru-cache";

/** What is kept of a value: text where its bytes are valid UTF-8; null: there is no such key. Nobody changes it. */
export type Held = string | Uint8Array | null;

/** What an entry takes besides its key and value: in the tables of lru-cache, and its object. */
const ENTRY_BYTES = 200;
const BYTES_PER_CHARACTER = 2;
/** A larger value than this part of all would push out too much. */
const VALUE_SHARE_MAX = 1 / 8;

export interface CachedValue {
  readonly held: Held;
  /** It should be read anew from then on. */
  refreshMs: number;
  /** Not given out from then on. */
  readonly untilMs: number;
}

/** Values for a time, at most so many and so large together; those that were asked for least recently leave. */
export class CachedValues {
  readonly #entries: LRUCache<string, CachedValue>;

  constructor(maxEntries: number, maxBytes: number) {
    this.#entries = new LRUCache({
      // It makes room for them at once: for no more than there can be.
      max: Math.min(maxEntries, Math.ceil(maxBytes / ENTRY_BYTES)),
      maxSize: maxBytes,
      maxEntrySize: Math.max(1, Math.floor(maxBytes * VALUE_SHARE_MAX)),
    });
  }

  /** Those that have run out included, until they are asked for or pushed out. */
  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(id: string, nowMs: number): CachedValue | undefined {
    const value = this.#entries.get(id);
    if (value === undefined) return undefined;
    if (nowMs < value.untilMs) return value;
    this.#entries.delete(id);
    return undefined;
  }

  /** One that is too large is not kept. */
  set(id: string, value: CachedValue): void {
    this.#entries.set(id, value, { size: sizeOf(id, value.held) });
  }

  /** Returns whether there was one. */
  delete(id: string): boolean {
    return this.#entries.delete(id);
  }

  clear(): void {
    this.#entries.clear();
  }
}

export function heldOf(reply: Buffer | null): Held {
  if (reply === null) return null;
  // A copy: a reply may be a piece of a far larger buffer that it would keep alive.
  return isUtf8(reply) ? reply.toString() : new Uint8Array(reply);
}

export function textOf(held: Held): string | null {
  return held instanceof Uint8Array ? Buffer.from(held).toString() : held;
}

/** A copy, which may be changed. */
export function bufferOf(held: Held): Buffer | null {
  if (held === null) return null;
  return typeof held === "string" ? Buffer.from(held) : Buffer.from(held);
}

function sizeOf(id: string, held: Held): number {
  const valueBytes = typeof held === "string" ? bytesOfText(held) : (held?.length ?? 0);
  return ENTRY_BYTES + bytesOfText(id) + valueBytes;
}

/** In the memory of V8, at most: one a character in ASCII. */
function bytesOfText(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : text.length * BYTES_PER_CHARACTER;
}
