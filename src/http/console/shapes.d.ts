import type { IncidentJson as Incident } from "../../model/incident-json.ts";

/** INCIDENT of the API; the answer for one incident has its trail besides. */
export interface IncidentJson extends Omit<Incident, "mix"> {
  readonly trail?: {
    readonly stepSeconds: number;
    readonly lastAt: string | null;
    readonly ratesPerSecond: readonly number[];
  };
  /** Accesses per second of each kind; left out or `null`: not known. */
  readonly mix?: Readonly<Record<"read" | "write" | "miss", number>> | null;
  /** Why nobody is told of it; left out or `null`: they are. */
  readonly muted?: string | null;
}

export interface ShownKey {
  readonly key: string | null;
  readonly keyEncoding: "utf8" | "base64";
  readonly cut: boolean;
}

export interface HotKeyJson extends ShownKey {
  readonly rank: number;
  readonly db: number;
  readonly target: string;
  readonly pattern: string;
  readonly ratePerSecond: Readonly<Record<"read" | "write" | "miss" | "total", number>>;
  readonly currentRatePerSecond: number;
  readonly count: { readonly estimate: number; readonly lower: number; readonly upper: number | null };
  readonly shareOfTarget: number | null;
  readonly vantages: Readonly<Record<string, string>>;
}

export interface HotKeysJson {
  readonly cluster: string;
  readonly windowSeconds: number;
  readonly asOf: string;
  readonly complete: boolean;
  readonly keys: readonly HotKeyJson[];
}

export interface KindJson {
  readonly ran: number | null;
  readonly observed: number;
  readonly ratio: number | null;
  readonly vantage: string | null;
}

export interface SourceJson {
  readonly source: string;
  readonly state: "up" | "down" | "off";
  readonly since: string;
  readonly gaps: number;
  readonly probability: number;
  readonly reason: string | null;
}

export interface TargetJson {
  readonly cluster: string;
  readonly target: string;
  readonly role: string;
  readonly state: "seen" | "stale" | "blind";
  readonly kinds: { readonly read: KindJson; readonly write: KindJson };
  readonly sources: readonly SourceJson[];
}

export interface CoverageJson {
  readonly asOf: string;
  readonly targets: readonly TargetJson[];
}

export interface ReadinessJson {
  readonly ready: boolean;
  readonly reasons?: readonly string[];
  readonly degraded?: readonly string[];
}

/** How the page stands with the server. */
export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "refused"; readonly reason: string }
  /** `sinceMs`: when something last came; `null`: nothing ever did. */
  | { readonly kind: "broken"; readonly sinceMs: number | null; readonly reason: string };

/** All that the page shows. `null`: not known yet. */
export interface Scene {
  readonly link: Link;
  readonly incidents: readonly IncidentJson[] | null;
  /** There are more open incidents than the page asks for. */
  readonly hasMoreIncidents: boolean;
  readonly hotKeys: HotKeysJson | null;
  readonly coverage: CoverageJson | null;
  readonly readiness: ReadinessJson | null;
}
