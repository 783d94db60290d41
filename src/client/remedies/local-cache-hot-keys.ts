import type { Bytes } from "./commands.ts";
import { keyOfId } from "./key-id.ts";

const KEYS_MAX = 100;

/** A key that a cache holds for hot. */
export interface CachedHotKey {
  /** Text; base64 where its bytes are not valid UTF-8. */
  readonly key: string;
  readonly keyEncoding: "utf8" | "base64";
  /** Reads by this cache, hits included, in about the last second. */
  readonly readsPerSecond: number;
}

/** Those that are hot, hottest first. */
export function hotKeysOf(
  rates: Iterable<readonly [id: string, perSecond: number]>,
  isHot: (key: Bytes, perSecond: number) => boolean,
): CachedHotKey[] {
  return Array.from(rates)
    .filter(([id, perSecond]) => isHot(keyOfId(id), perSecond))
    .sort(([, one], [, other]) => other - one)
    .slice(0, KEYS_MAX)
    .map(([id, readsPerSecond]) => ({ ...textOfKey(keyOfId(id)), readsPerSecond }));
}

function textOfKey(key: string | Buffer): Pick<CachedHotKey, "key" | "keyEncoding"> {
  return typeof key === "string"
    ? { key, keyEncoding: "utf8" }
    : { key: key.toString("base64"), keyEncoding: "base64" };
}
