import type { IncidentStatus, Severity } from "../../model/incident.ts";
import type { Role } from "../../model/target.ts";

/** Everything that the live view shows at one moment. Texts are printable: no control character can be in them. */
export interface Scene {
  readonly atMs: number;
  readonly windowMs: number;
  /** Whether all expected panes of the window have come. */
  readonly complete: boolean;
  /** Accesses a second that were observed in the window, over all targets; `null`: not known. */
  readonly accessesPerSecond: number | null;
  readonly targets: readonly TargetRow[];
  /** Hottest first. */
  readonly keys: readonly KeyRow[];
  /** Newest first. */
  readonly incidents: readonly IncidentRow[];
  /** What keeps it from watching, or from watching well. */
  readonly problems: readonly string[];
}

export interface TargetRow {
  readonly target: string;
  readonly role: Role;
  readonly state: "seen" | "stale" | "blind";
  /** Share of the target's reads and writes that is seen, 0..1; `null`: not known. */
  readonly coverage: { readonly read: number | null; readonly write: number | null };
}

export interface KeyRow {
  readonly label: string;
  readonly db: number;
  readonly ratePerSecond: number;
  /** How far the true rate may lie from the shown one; `null`: no upper bound is known. */
  readonly marginPerSecond: number | null;
  /** 0..1; `null`: not known. */
  readonly share: number | null;
  /** Rates by kind; misses are among the reads. */
  readonly mix: { readonly read: number; readonly write: number; readonly miss: number };
  /** Of its incident, if it has one that is not resolved. */
  readonly incident: IncidentStatus | null;
}

export interface IncidentRow {
  readonly id: string;
  readonly label: string;
  readonly rule: string;
  readonly severity: Severity;
  readonly status: IncidentStatus;
  /** When the rule first held. */
  readonly startedAtMs: number;
  readonly resolvedAtMs: number | null;
  readonly ratePerSecond: number;
  readonly peakRatePerSecond: number;
}

/** Where scenes come from. */
export interface SceneSource {
  /** Throws: Error, with a reason in one line, when there is none to be had now. */
  read(): Promise<Scene>;
}
