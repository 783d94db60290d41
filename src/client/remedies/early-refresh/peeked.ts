/** A value as it is in the cache. */
export interface Peeked<Value> {
  /** `null`: there is none. */
  readonly value: Value | null;
  /** Drawn anew by each call. */
  readonly shouldRefresh: boolean;
  /** What it has left. `null`: there is no value, or it does not expire. */
  readonly ttlMs: number | null;
  /** How long it took to compute it. `null`: there is no value, or somebody else wrote it. */
  readonly deltaMs: number | null;
}
