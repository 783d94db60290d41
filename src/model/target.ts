import type { SlotRange } from "./slot.ts";

/** Stands for the target of accesses of which it is not known where they were served. */
export const NO_TARGET = "";

export type Role = "primary" | "replica" | "unknown";
export type SourceState = "up" | "down" | "off";

/** Tells targets apart, of all clusters. */
export function targetId(cluster: string, target: string): string {
  return `${cluster}|${target}`;
}

/** State of one source at one target. */
export interface SourceStatus {
  readonly source: string;
  readonly state: SourceState;
  readonly sinceMs: number;
  /** Interruptions since the start, in which accesses may have gone unseen. */
  readonly gaps: number;
  readonly probability: number;
  /** Why it is not up, with what to do. */
  readonly reason: string | null;
}

/** Growth of the server's own counters over a pane; `null`: not known. */
export interface Ran {
  readonly read: number | null;
  readonly write: number | null;
}

/** How a target fares: one each pane interval, to the aggregator. */
export interface TargetReport {
  readonly type: "report";
  readonly agent: string;
  readonly epoch: number;
  readonly cluster: string;
  readonly target: string;
  readonly atMs: number;
  /** The pane that `observed` and `ran` speak of. */
  readonly pane: { readonly startMs: number; readonly lengthMs: number };
  readonly reachable: boolean;
  readonly role: Role;
  readonly runId: string | null;
  readonly version: string | null;
  /** `null` outside Cluster mode. */
  readonly slots: readonly SlotRange[] | null;
  /** By the sources at the server itself, in the pane. */
  readonly observed: { readonly read: number; readonly write: number; readonly miss: number };
  readonly ran: Ran;
  /** Share of a core used since the last report; `null`: not known. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
  readonly clients: number | null;
  readonly opsPerSecond: number | null;
  readonly sources: readonly SourceStatus[];
}

/** What the server says about a key. */
export interface Facts {
  readonly type: string;
  readonly bytes: number | null;
  /** `null`: no expiry. */
  readonly ttlSeconds: number | null;
  readonly encoding: string | null;
}

/** Facts of one hot key, looked up by the agent. */
export interface KeyFacts {
  readonly type: "facts";
  readonly cluster: string;
  readonly db: number;
  readonly bytes: Uint8Array;
  readonly atMs: number;
  readonly facts: Facts;
}
