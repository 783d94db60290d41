import type { Authority } from "./state-record.ts";

/** A key that clients may cool until `leaseUntilMs`. */
export interface Lease {
  readonly db: number;
  /** The kept form. */
  readonly key: Uint8Array;
  /** ms since 1970. */
  readonly leaseUntilMs: number;
  readonly remedies: readonly string[];
  readonly ratePerSecond: number;
}

/** The hot keys of one cluster as its owner sees them: `hotset` topic, key: the cluster. */
export interface HotSet {
  readonly authority: Authority;
  /** Grows with each change. */
  readonly version: number;
  readonly leases: readonly Lease[];
}
