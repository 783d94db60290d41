import type { Clock } from "../runtime/clock.ts";
import type { ScanServer } from "./scan-server.ts";

/** How far a scan has come. */
export interface ScanProgress {
  /** Keys, servers or milliseconds that are done, over all servers. */
  readonly done: number;
  /** Of how many, as far as is known: keys may come and go. */
  readonly total: number;
  readonly unit: "keys" | "servers" | "ms";
}

/** What every scan is given. */
export interface ScanContext {
  readonly servers: readonly ScanServer[];
  readonly clock: Clock;
  /** Ends the scan: it returns what it has. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ScanProgress) => void;
}

/** What a scan found, and whether it saw everything that it was to see. */
export interface ScanOutcome<Body> {
  readonly body: Body;
  /** What failed, one line each: what there is is not all. */
  readonly missing: readonly string[];
  /** What was left out because it was asked for so, one line each. */
  readonly limits: readonly string[];
}
