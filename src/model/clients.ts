/**
 * What clients told an agent of one target, over all its keys: one for each round of parts of the vantage `clients`, and
 * each pane in it. Those of a pane add up, as do those of several agents.
 *
 * The parts themselves are spread over the owners of the buckets; this goes to all of them, to some several times.
 */
export interface ClientsReport {
  readonly type: "clients";
  readonly agent: string;
  readonly epoch: number;
  readonly cluster: string;
  readonly target: string;
  /** Grows with each report of the agent in an epoch: one that is not above the last of its target came before. */
  readonly number: number;
  readonly startMs: number;
  readonly lengthMs: number;
  /** Whether the pane ends with it, but for what comes late. */
  readonly closing: boolean;
  /** Accesses that are new in it, scaled where they were sampled. A miss is a read. */
  readonly read: number;
  readonly write: number;
}
