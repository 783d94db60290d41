import type { Bytes } from "./commands.ts";

/** Tells which keys are hot now, in the form that the app uses: a `Set` of keys, or Keyheat's hot set. */
export interface HotKeySource {
  has(key: Bytes): boolean;
}
