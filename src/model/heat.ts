import type { HeatKind, Kind, Vantage } from "./access.ts";
import type { Key } from "./key.ts";

/**
 * A count with its bounds, in accesses. `lower` and `upper` are deterministic: `lower <= true <= upper`, whatever was
 * sampled. `likely` is probabilistic: it holds the true count in 99.6% of the cases, if accesses were sampled
 * independently of each other.
 */
export interface Bounds {
  /** Under sampling with fractions of an access: rounded, many small ones would be too low on average. */
  readonly estimate: number;
  /** Surely seen: raw counts. */
  readonly lower: number;
  /** `null` where no vantage was complete, as under sampling. */
  readonly upper: number | null;
  /** `null` where no sampled counts speak: then `lower` and `upper` say all. */
  readonly likely: LikelyBounds | null;
}

/** `Bounds.lower <= lower <= estimate <= upper`. */
export interface LikelyBounds {
  /** Speaks of the accesses in watched time. */
  readonly lower: number;
  /** `null` where something went unseen for another reason than sampling, or some of the time was not watched. */
  readonly upper: number | null;
}

/** Of a count of which nothing is known. */
export const NOTHING_KNOWN: Bounds = { estimate: 0, lower: 0, upper: null, likely: null };

/** Of a count of which everything is known. */
export function exactly(count: number): Bounds {
  return { estimate: count, lower: count, upper: count, likely: null };
}

/** The count that a rule fires on: what is sure, or under sampling what is likely at least so. */
export function firingCount({ lower, likely }: Bounds): number {
  return likely?.lower ?? lower;
}

/** Heat of one key in one window. Counts are of the whole window; divide by its seconds for rates. */
export interface Heat {
  readonly key: Key;
  readonly windowMs: number;
  /** End of the window, ms since 1970. */
  readonly asOfMs: number;
  /** Whether every expected pane of the window has come and was complete: not sampled either. */
  readonly complete: boolean;
  readonly counts: Readonly<Record<HeatKind, Bounds>>;
  /**
   * What a falling rule may rely on: `upper`; or where that is unknown the likely upper end of a vantage that missed
   * nothing but by sampling, with what is scaled for the time not watched on purpose; or the speaking vantage's own
   * upper while its reporters still report. `null` where the watch was broken, or there is none of them.
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
  /** Clients claimed more than their servers ran: the counts are held to that. */
  readonly suspect: boolean;
  readonly commands: Readonly<Record<string, number>>;
  /** Which services made how many of the accesses, as clients report them. */
  readonly services: Readonly<Record<string, number>>;
  /** Reads that the clients' own caches answered: demand beside the load that the counts are. */
  readonly absorbed: number;
  /** Of requests and replies, as clients tell them; `null`: not known. */
  readonly bytes: number | null;
  /** What it was read from; absent in what other processes tell. */
  readonly grounds?: Grounds;
}

/** What the place of a key did in the window of a heat. */
export interface Grounds {
  /** Accesses of its target, of which `shareOfTarget` is a share; the least of several that may hold it. `null`: not known. */
  readonly targetCount: number | null;
  /** Whether clients that report keys of its slot still do: more bytes than they tell are not known to anybody. */
  readonly areClientsReporting: boolean;
}

export function ratePerSecond(count: number, windowMs: number): number {
  return (count * 1000) / windowMs;
}

/** To one decimal: what is beyond it would only look exact. */
export function roundedRate(ratePerSecond: number): number {
  return Math.round(ratePerSecond * 10) / 10;
}
