/** How long one step of a trail is. */
export const TRAIL_STEP_MS = 5000;
/** Steps kept: five minutes. */
export const TRAIL_STEPS_MAX = 60;

/** How hot an incident's subject was lately: accesses per second, of the highest second in each step; oldest first. */
export interface Trail {
  /** Start of the last step, ms since 1970; steps are aligned to the epoch. */
  readonly lastMs: number;
  readonly rates: readonly number[];
}

export const NO_TRAIL: Trail = { lastMs: 0, rates: [] };

/** The trail with the rate of a second that ends at `atMs`. What is older than its last step changes nothing. */
export function withRate(trail: Trail, atMs: number, ratePerSecond: number): Trail {
  const stepMs = Math.floor((atMs - 1) / TRAIL_STEP_MS) * TRAIL_STEP_MS;
  const { lastMs, rates } = trail;
  if (rates.length === 0) return { lastMs: stepMs, rates: [ratePerSecond] };
  if (stepMs < lastMs) return trail;
  if (stepMs === lastMs) {
    const highest = Math.max(rates.at(-1)!, ratePerSecond);
    return highest === rates.at(-1) ? trail : { lastMs, rates: [...rates.slice(0, -1), highest] };
  }
  // Steps in which nothing was seen are empty; nobody needs more of them than are kept.
  const missed = Math.min(TRAIL_STEPS_MAX, (stepMs - lastMs) / TRAIL_STEP_MS - 1);
  const all = [...rates, ...new Array<number>(missed).fill(0), ratePerSecond];
  return { lastMs: stepMs, rates: all.slice(-TRAIL_STEPS_MAX) };
}
