import type { Vantage } from "./access.ts";
import type { Role, SourceStatus } from "./target.ts";

/** `seen`: watched, and reported lately. `stale`: no report for 2 s. `blind`: none for 3.5 s, or nothing watches it. */
export type TargetState = "seen" | "stale" | "blind";

/** Accesses of one kind that the server says it ran, and how many of them were observed. */
export interface KindCoverage {
  readonly ran: number | null;
  readonly observed: number;
  /** observed / ran, at most 1; `null` where `ran` is not known or 0. */
  readonly ratio: number | null;
  readonly vantage: Vantage | null;
}

/** What share of the truth is seen at one target, over the last minute. */
export interface TargetCoverage {
  readonly cluster: string;
  readonly target: string;
  readonly role: Role;
  readonly state: TargetState;
  readonly kinds: { readonly read: KindCoverage; readonly write: KindCoverage };
  readonly sources: readonly SourceStatus[];
}
