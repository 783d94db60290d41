import { hash } from "node:crypto";

/** Keys remembered on each side: a table that shrinks to a sixteenth repeats what was in fifteen buckets. */
const GENERATION_KEYS = 16_384;

/**
 * Tells keys that SCAN gives a second time, in memory that does not grow with the number of keys.
 *
 * SCAN visits the buckets of a hash table by their reversed bits. Where the table grows in the meantime, nothing comes
 * twice; where it shrinks, the bucket that comes next takes in the ones right before it. So what comes twice came lately:
 * the last 16,384 to 32,768 keys are remembered, by a hash. Source: Redis `dictScan`.
 */
export class RecentKeys {
  readonly #generationKeys: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(generationKeys = GENERATION_KEYS) {
    this.#generationKeys = generationKeys;
  }

  /** Whether the key was not among the latest; it is from now on. */
  isNew(key: Uint8Array): boolean {
    const digest = hash("sha1", key, "binary");
    if (this.#young.has(digest) || this.#old.has(digest)) return false;
    if (this.#young.size >= this.#generationKeys) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(digest);
    return true;
  }
}
