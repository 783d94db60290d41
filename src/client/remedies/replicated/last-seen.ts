import { LRUCache } from "lru-cache";
import { type Bytes, bytesOf } from "../commands.ts";
import type { Copy } from "./copy.ts";

const KEYS_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;
/** What an entry takes beside its value and key, about. */
const ENTRY_BYTES = 200;

const seenBy = new WeakMap<object, LRUCache<string, Copy>>();

/** The newest version of one value that this process has read or written by one client, whoever asks for it. */
export class LastSeen {
  readonly #seen: LRUCache<string, Copy>;
  readonly #id: string;

  constructor(redis: object, key: Bytes) {
    this.#seen = seenBy.get(redis) ?? new LRUCache({ max: KEYS_MAX, maxSize: BYTES_MAX });
    seenBy.set(redis, this.#seen);
    this.#id = bytesOf(key).toString("latin1");
  }

  get copy(): Copy | null {
    return this.#seen.get(this.#id) ?? null;
  }

  /** 0: none. */
  get version(): number {
    return this.copy?.version ?? 0;
  }

  remember(copy: Copy): void {
    if (copy.version <= this.version) return;
    // A reply's bytes may be a piece of a much larger buffer, and the caller's to change.
    const value = copy.value === null ? null : Buffer.from(copy.value);
    const size = ENTRY_BYTES + this.#id.length + (value?.length ?? 0);
    this.#seen.set(this.#id, { ...copy, value }, { size });
  }
}
