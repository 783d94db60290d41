import { compileGlobs } from "../../model/glob.ts";

/** What a tap subscribes to. */
export interface TapPatterns {
  readonly form: "E" | "K";
  readonly channels: readonly string[];
  /** In form K: whether a message of this channel pattern is the one of its event that counts. */
  readonly counts: (pattern: string, key: Uint8Array) => boolean;
}

const KEYSPACE = "__keyspace@*__:";

/**
 * Patterns for a primary or a replica: of all keys by `__keyevent@`, or of some keys by `__keyspace@`, so that the
 * server filters. A key that fits several globs comes once for each: the first glob that it fits counts.
 */
export function tapPatterns(globs: readonly string[], role: "primary" | "replica"): TapPatterns {
  if (globs.length === 0) {
    // A replica repeats every write of its primary; only its misses are its own.
    const channel = role === "primary" ? "__keyevent@*__:*" : "__keyevent@*__:keymiss";
    return { form: "E", channels: [channel], counts: () => true };
  }
  const matchers = globs.map((glob) => compileGlobs([glob]));
  const channels = globs.map((glob) => KEYSPACE + glob);
  const counts = (pattern: string, key: Uint8Array) =>
    channels[matchers.findIndex((fits) => fits(key))] === pattern;
  return { form: "K", channels, counts };
}
