import { roundedRate } from "../model/heat.ts";
import { TRAIL_STEP_MS, type Trail } from "../model/trail.ts";

export interface TrailJson {
  readonly stepSeconds: number;
  /** Start of the last step; `null` where nothing was seen yet. */
  readonly lastAt: string | null;
  /** Of the highest second in each step, oldest first. */
  readonly ratesPerSecond: readonly number[];
}

/** How hot an incident's subject was lately, as the API shows it. */
export function trailJson({ lastMs, rates }: Trail): TrailJson {
  return {
    stepSeconds: TRAIL_STEP_MS / 1000,
    lastAt: rates.length === 0 ? null : new Date(lastMs).toISOString(),
    ratesPerSecond: rates.map(roundedRate),
  };
}
