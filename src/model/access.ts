/** What an access did. A `miss` is a read that found nothing; it is also a read. */
export type Kind = "read" | "write" | "miss";

/** What a source can see of the accesses. Vantages see subsets of the same accesses and are never added. */
export type Vantage = "server-events" | "clients" | "traces" | "server-commands" | "requests";

/** A number of accesses, kind by kind. */
export interface KindCounts {
  read: number;
  write: number;
  miss: number;
}

/** What a rule or a number speaks of: one kind, or `total` = read + write. */
export type HeatKind = Kind | "total";

export const HEAT_KINDS: readonly HeatKind[] = ["read", "write", "miss", "total"];
