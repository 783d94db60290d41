import { compileGlobs } from "../../../model/glob.ts";
import { checkedKey, checkedWithMethod } from "../arguments.ts";
import { type Bytes, bytesOf } from "../commands.ts";
import type { HotKeySource } from "../hot-key-source.ts";
import { keyIdOf } from "../key-id.ts";

/** Keys that are named one by one. */
export const HOT_KEYS_MAX = 100_000;
export const HOT_PATTERNS_MAX = 100;

/** Which keys are hot: those named, those that a pattern matches, and those that somebody else knows. */
export class HotKeys {
  readonly #ids = new Set<string>();
  readonly #matches: (key: Uint8Array) => boolean;
  readonly #source: HotKeySource | null;

  /** Throws: TypeError, RangeError; each names the option. */
  constructor(keys: unknown, patterns: unknown, source: unknown) {
    for (const key of checkedIterable(keys, "hotKeys")) this.add(key, "hotKeys");
    this.#matches = compileGlobs(checkedPatterns(patterns));
    this.#source = checkedWithMethod(source, "hotSet", "has");
  }

  /** Throws: RangeError beyond 100,000 keys. */
  add(key: unknown, name = "key"): void {
    const id = keyIdOf(checkedKey(key, name));
    if (this.#ids.size >= HOT_KEYS_MAX && !this.#ids.has(id)) {
      throw new RangeError(`${name}: there are ${HOT_KEYS_MAX} hot keys already; use hotPatterns`);
    }
    this.#ids.add(id);
  }

  /** Returns: whether it was named before. Patterns and the source may still say that it is hot. */
  remove(key: unknown): boolean {
    return this.#ids.delete(keyIdOf(checkedKey(key)));
  }

  /** `fullKey`: makes of a key the one that the server has; only the source goes by that. */
  has(key: Bytes, id: string, fullKey: (key: Bytes) => Bytes): boolean {
    if (this.#ids.has(id) || this.#matches(bytesOf(key))) return true;
    return this.#source?.has(fullKey(key)) ?? false;
  }
}

function checkedIterable(value: unknown, name: string): Iterable<unknown> {
  if (value === undefined) return [];
  const isText = typeof value === "string" || value instanceof Uint8Array;
  if (isText || typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
    throw new TypeError(`${name}: expected an array, or anything else to iterate over`);
  }
  return value as Iterable<unknown>;
}

function checkedPatterns(value: unknown): string[] {
  const patterns: string[] = [];
  for (const pattern of checkedIterable(value, "hotPatterns")) {
    if (typeof pattern !== "string") throw new TypeError("hotPatterns: expected globs as strings");
    if (pattern === "") throw new RangeError("hotPatterns: must not be empty");
    patterns.push(pattern);
    if (patterns.length > HOT_PATTERNS_MAX) {
      throw new RangeError(`hotPatterns: at most ${HOT_PATTERNS_MAX}`);
    }
  }
  return patterns;
}
