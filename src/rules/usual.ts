import type { Baseline } from "./baseline.ts";

/** What is usual of a key, and how it has stood out from that lately. */
export interface Usual {
  readonly baseline: Baseline;
  /** Of the window that its counts are of. */
  readonly hopMs: number;
  /** End of the last hop in which it stood out, ms since 1970; 0: none. */
  stoodOutMs: number;
  /** Hops in a row in which it surely did not. */
  calmHops: number;
}
