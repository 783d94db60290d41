/**
 * Which servers belong to a cluster, as one agent's seeds say: one each few seconds, and at once after a change.
 *
 * A target that no agent's view lists any more is decommissioned. In Cluster mode only a view that covers as many slots
 * as the best one has a say: a node that was reset or cut off knows only itself.
 */
export interface TopologyReport {
  readonly type: "topology";
  readonly agent: string;
  readonly cluster: string;
  /** ms since 1970. */
  readonly atMs: number;
  /** Addresses of all its servers, watched by this agent or not, in the form of `TargetReport.target`. */
  readonly targets: readonly string[];
  /** How many of the 16,384 slots have an owner in this view; `null` outside Cluster mode. */
  readonly slotsCovered: number | null;
}
