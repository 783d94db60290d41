import type { ReplicationInfo } from "./replication-info.ts";

/** What a server said of itself, and when (monotonic, in ms). */
export interface Answer {
  readonly info: ReplicationInfo;
  readonly askedMs: number;
  readonly answeredMs: number;
}

export interface LagLimits {
  readonly maxLagBytes: number;
  readonly maxLagMs: number;
}

/** What the primary of a replica is known to have had. */
export interface PrimaryPast {
  readonly streamId: string;
  /**
   * Its offset, said after the replica had said its own: so the lag is rather over- than underestimated. `null`: it did
   * not answer, and time alone counts.
   */
  readonly offset: number | null;
  /** When it had no more than what the replica has; `null`: not known. */
  readonly equalMs: number | null;
  /** What every replica must have applied, for this process to find its own writes. `null`: not known yet. */
  readonly floor: number | null;
}

export type Verdict =
  | "serving"
  | "unchecked"
  | "unreachable"
  | "no-replica"
  | "unlinked"
  | "other-primary"
  | "lagging";

export interface Health {
  readonly verdict: Verdict;
  /** `null`: not known. */
  readonly lagBytes: number | null;
}

/** Whether a replica may serve reads. Pure. */
export function judgeReplica(replica: Answer, primary: PrimaryPast, limits: LagLimits): Health {
  const { info } = replica;
  if (info.role !== "replica") return { verdict: "no-replica", lagBytes: null };
  // Offsets of different streams cannot be compared: it follows somebody else, or has not heard of the failover yet.
  if (info.streamId !== primary.streamId) return { verdict: "other-primary", lagBytes: null };
  const lagBytes = primary.offset === null ? null : Math.max(0, primary.offset - info.offset);
  // Where the primary is gone, nobody has a link to it.
  if (!info.isLinked && primary.offset !== null) return { verdict: "unlinked", lagBytes };
  // Bytes alone say nothing where little is written: a replica that was cut off an hour ago lacks three writes.
  const behindMs = primary.equalMs === null ? Number.POSITIVE_INFINITY : replica.answeredMs - primary.equalMs;
  const hasOwnWrites = primary.floor !== null && info.offset >= primary.floor;
  const isNear = (lagBytes ?? 0) <= limits.maxLagBytes && behindMs <= limits.maxLagMs && hasOwnWrites;
  return { verdict: isNear ? "serving" : "lagging", lagBytes };
}
