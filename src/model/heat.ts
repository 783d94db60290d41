import type { HeatKind, Kind, Vantage } from "./access.ts";
import type { Key } from "./key.ts";

/** A count with its bounds: `lower <= true <= upper`. `upper` is `null` where no vantage was complete. */
export interface Bounds {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number | null;
}

/** Heat of one key in one window. Counts are of the whole window; divide by its seconds for rates. */
export interface Heat {
  readonly key: Key;
  readonly windowMs: number;
  /** End of the window, ms since 1970. */
  readonly asOfMs: number;
  /** Whether every expected pane of the window has come and was complete. */
  readonly complete: boolean;
  readonly counts: Readonly<Record<HeatKind, Bounds>>;
  /**
   * What a falling rule may rely on: `upper`, or where that is unknown the speaking vantage's own upper while its
   * reporters still report; else `null`.
   */
  readonly clearing: Readonly<Record<HeatKind, number | null>>;
  /** Accesses in the last second. */
  readonly currentRatePerSecond: number;
  /** Which vantage speaks for which kind. */
  readonly vantages: Readonly<Partial<Record<Kind, Vantage>>>;
  /** Where the key was last seen. */
  readonly target: string | null;
  /** `null` outside Cluster mode. */
  readonly slot: number | null;
  /** Share of its target's accesses, 0..1; `null` where the total is not known. */
  readonly shareOfTarget: number | null;
  readonly commands: Readonly<Record<string, number>>;
  readonly services: Readonly<Record<string, number>>;
}

export function ratePerSecond(count: number, windowMs: number): number {
  return (count * 1000) / windowMs;
}

/** To one decimal: what is beyond it would only look exact. */
export function roundedRate(ratePerSecond: number): number {
  return Math.round(ratePerSecond * 10) / 10;
}
