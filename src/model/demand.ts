/**
 * How much the reads of one key are wanted, whoever answers them: what reached servers (its load), and what the clients'
 * own caches absorbed. A key that is cooled well has hardly any load, and is in demand as before.
 */
export interface Demand {
  readonly db: number;
  /** The kept form. */
  readonly key: Uint8Array;
  /** Reads a second, absorbed ones too: at least so many, as far as clients' claims can be true. */
  readonly readsPerSecond: number;
  /** Of those, what reached servers and cannot be made up, as far as the servers' own counts tell. */
  readonly corroboratedPerSecond: number;
  /** At least so many. */
  readonly writesPerSecond: number;
  /** Clients claimed more than their servers ran. */
  readonly suspect: boolean;
}

/** The keys of a cluster that are wanted most, in one closed window. */
export interface DemandLook {
  /** Hottest first. */
  readonly demands: readonly Demand[];
  /** Whether everything was watched, so that a key that is not named was surely not in demand. */
  readonly complete: boolean;
}

export function byDemand(one: Demand, other: Demand): number {
  const difference = other.readsPerSecond - one.readsPerSecond;
  return difference || one.db - other.db || Buffer.compare(one.key, other.key);
}
