import type { TargetConfig } from "../../config/schema.ts";
import type { TargetConnection } from "../../redis/target.ts";

/** A server that can be asked who belongs to its cluster. */
export type Asked = Pick<
  TargetConnection,
  "state" | "peer" | "latestPoll" | "problem" | "topology" | "forgetSlots"
>;

/** A server to which a connection is wanted. */
export interface Wanted {
  readonly target: TargetConfig;
  /** Named in the config: its name stands above those that were found for the same server. */
  readonly isListed: boolean;
  /** Watched, not just asked. */
  readonly isWatched: boolean;
}

/** A server to which a connection is held. */
export interface HeldServer extends Wanted {
  readonly asked: Asked;
  /** Under which other name the same server process is watched already; `null`: under none. */
  readonly double: TargetConfig | null;
}

/** Connections of one cluster's servers, by its name in the config. */
export interface Servers {
  /** Holds connections to exactly these from now on, and watches those that are to be watched. */
  set(group: string, wanted: readonly Wanted[]): void;
  held(group: string): readonly HeldServer[];
}
