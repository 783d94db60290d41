import type { Bytes } from "./commands.ts";

/**
 * Tells which keys are hot now: a `Set` of keys, or Keyheat's hot set.
 *
 * It is asked by the key as the server has it: behind the prefix of the client (`keyPrefix`), if that adds one. What the
 * app gives as text is asked as text, unless the prefix is bytes that are not; what it gives as bytes, as bytes.
 */
export interface HotKeySource {
  has(key: Bytes): boolean;
}
