import type { TargetCoverage } from "../model/coverage.ts";
import type { Heat } from "../model/heat.ts";
import type { Incident, IncidentStatus, MuteReason } from "../model/incident.ts";
import { type IncidentJson, incidentJson } from "../model/incident-json.ts";

/** The hottest keys of one cluster in one closed window, ranked. */
export interface HotKeys {
  /** End of the window, ms since 1970; 0 before the first one closed. */
  readonly asOfMs: number;
  readonly complete: boolean;
  readonly heats: readonly Heat[];
}

export interface Readiness {
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly string[];
  /** What is missing although it is ready. */
  readonly degraded: readonly string[];
}

/** What probes show of any process. */
export interface ProbeViews {
  readiness(): Readiness;
  /** The text of `/metrics`; `null` where it is switched off. */
  readonly prometheus: (() => Promise<string>) | null;
}

/** What the API shows. The server reads only through this, when it is asked. */
export interface Views extends ProbeViews {
  readonly windowsMs: readonly number[];
  hotkeys(cluster: string, windowMs: number, limit: number): HotKeys;
  /** Newest first. */
  incidents(query: { readonly status?: IncidentStatus; readonly limit: number }): readonly Incident[];
  /** `undefined`: it is not known, or forgotten. */
  incident(id: string): Incident | undefined;
  coverage(): readonly TargetCoverage[];
  /** Why nobody is told now that an incident fires. Left out: nothing is muted. */
  muted?(incident: Incident): MuteReason | null;
  /** Calls `listener` with each incident that changed; the returned function ends it. */
  onIncident(listener: (incident: Incident) => void): () => void;
}

/** An incident as the API and the stream show it, which also say whether it is muted just now. */
export function shownIncident(
  views: Views,
  incident: Incident,
): IncidentJson & { readonly muted: MuteReason | null } {
  return { ...incidentJson(incident), muted: views.muted?.(incident) ?? null };
}

const STREAM_WINDOW_MS = 10_000;

/** The window that is meant where none is named: the smallest of 10 s and more, else the first. */
export function defaultWindowMs(windowsMs: readonly number[]): number {
  const long = windowsMs.filter((windowMs) => windowMs >= STREAM_WINDOW_MS);
  return long.length > 0 ? Math.min(...long) : (windowsMs[0] ?? STREAM_WINDOW_MS);
}
