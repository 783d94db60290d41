import type { TargetState } from "./coverage.ts";
import type { Role } from "./target.ts";

/** How one target fares, as its agents tell. */
export interface TargetFare {
  readonly cluster: string;
  readonly target: string;
  readonly role: Role;
  /** `false`: a node of a Redis Cluster that serves no slots (yet). */
  readonly hasSlots: boolean;
  readonly state: TargetState;
  /** When it was last seen watched, or first heard of where it never was; ms since 1970. */
  readonly watchedMs: number;
  /** Why it is not watched, with what to do; `null`: it is, or nobody says. */
  readonly reason: string | null;
  /** Accesses that the server says it ran in the window that was asked for; `null`: not known, or none was asked for. */
  readonly ran: number | null;
  /** The same per second, in its last pane. */
  readonly currentRanPerSecond: number | null;
}
