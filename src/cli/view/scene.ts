import type { Vantage } from "../../model/access.ts";
import type { Advice, IncidentStatus, Mix, MuteReason, Severity } from "../../model/incident.ts";
import type { Measure } from "../../model/measure.ts";
import type { Facts, Role } from "../../model/target.ts";

/** Everything that the live view shows at one moment. Texts are printable: no control character can be in them. */
export interface Scene {
  /** When it was read, ms since 1970; 0: not yet. */
  readonly atMs: number;
  /** End of the window, ms since 1970. */
  readonly asOfMs: number;
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

/** Before anybody has answered. */
export const NO_SCENE: Scene = {
  atMs: 0,
  asOfMs: 0,
  windowMs: 10_000,
  complete: false,
  accessesPerSecond: null,
  targets: [],
  keys: [],
  incidents: [],
  problems: [],
};

export interface TargetRow {
  readonly target: string;
  readonly role: Role;
  readonly state: "seen" | "stale" | "blind";
  /** Share of the target's reads and writes that is seen, 0..1; `null`: not known. */
  readonly coverage: { readonly read: number | null; readonly write: number | null };
}

export interface KeyRow {
  /** Tells keys of a scene apart, and is the same in the next one. */
  readonly id: string;
  /** Its place by all accesses, from 1. */
  readonly rank: number;
  /** Of at most some 120 characters. */
  readonly label: string;
  /** All that is known of its name. */
  readonly text: string;
  /** Whether the name goes on after that. */
  readonly isCut: boolean;
  readonly pattern: string;
  readonly db: number;
  /** `null`: outside Cluster mode. */
  readonly slot: number | null;
  /** `null`: not known. */
  readonly target: string | null;
  readonly ratePerSecond: number;
  /** Accesses in the last second. */
  readonly currentPerSecond: number;
  /** In accesses of the window; `upper` is `null` where no upper bound is known. */
  readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  /** How far the true rate may lie from the shown one; `null`: no upper bound is known. */
  readonly marginPerSecond: number | null;
  /** 0..1; `null`: not known. */
  readonly share: number | null;
  /** Rates by kind; misses are among the reads. */
  readonly mix: Mix;
  /** Which vantage speaks for which kind. */
  readonly vantages: Readonly<Partial<Record<keyof Mix, Vantage>>>;
  /** Accesses of the window, the most first. */
  readonly commands: readonly Named[];
  readonly services: readonly Named[];
  /** Reads a second that clients' own caches answered. */
  readonly absorbedPerSecond: number;
  /** `null`: not known. */
  readonly bytesPerSecond: number | null;
  /** Clients claimed more than their servers ran: the counts are held to that. */
  readonly isSuspect: boolean;
  /** Those that are not resolved, the worst first. */
  readonly incidents: readonly IncidentRow[];
}

/** A command or a service, with its accesses. */
export interface Named {
  readonly name: string;
  readonly count: number;
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
  readonly measure: Measure;
  readonly facts: Facts | null;
  readonly advice: readonly Advice[];
  readonly muted: MuteReason | null;
}

/** The status of its worst open incident; `null`: it has none. */
export function statusOf({ incidents }: KeyRow): IncidentStatus | null {
  return incidents[0]?.status ?? null;
}

/** What a scene is asked for. */
export interface SceneAsk {
  /** The hottest of all keys, so many. */
  readonly keysMax: number;
}

/** Where scenes come from. */
export interface SceneSource {
  /** Throws: Error, with a reason in one line, when there is none to be had now. */
  read(ask: SceneAsk): Promise<Scene>;
}
