/** What one process saw. Sent between processes, so plain data only. */
export interface RaceReport {
  readonly counter: CounterReport;
  /** By member or field, as the last call on it left them. */
  readonly members: Readonly<Record<string, Fate>>;
  readonly fields: Readonly<Record<string, Fate>>;
  /** By cache: when each number of the clock was read last, in ms since 1970. */
  readonly lastReads: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Steps back of the replicated value: `7 -> 5`. */
  readonly stepsBack: readonly string[];
  /** From when until when it computed, in ms since 1970. */
  readonly computing: readonly (readonly [number, number])[];
  readonly calls: number;
  readonly failed: number;
}

export interface CounterReport {
  readonly acknowledged: number;
  /** Sums of the increments that failed: nobody knows whether they were counted. */
  readonly failedUp: number;
  readonly failedDown: number;
}

/** What may be there now: one value, or one of several where calls failed. `null`: nothing. */
export type Fate = readonly (string | null)[];

export interface RaceJob {
  readonly index: number;
  /** Of one server, or of the nodes of a cluster. */
  readonly ports: readonly number[];
  readonly isCluster: boolean;
  readonly ttlMs: number;
  /** Shard counts that this process has one after the other, in equal times. */
  readonly shardCounts: readonly number[];
  readonly durationMs: number;
}

/** Told once, when the first call has failed. */
export interface FirstFailure {
  readonly type: "failure";
}

export interface RaceEnd {
  readonly type: "end";
  readonly report: RaceReport;
}
