export interface Age {
  /** What the value has left until it expires, in ms; negative: it does not expire. */
  readonly ttlMs: number;
  /** How long it took to compute it, in ms. */
  readonly deltaMs: number;
}

/**
 * Whether to recompute a value before it expires: with a probability of exp(-ttlMs / (beta * deltaMs)), independently of
 * everybody else. `draw` is uniform in [0, 1).
 *
 * It is `now - deltaMs * beta * ln(rand) >= expiry` of the paper with the time left in place of two clocks' readings.
 * Source: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015, figure 3.
 */
export function isRefreshDue({ ttlMs, deltaMs }: Age, beta: number, draw: number): boolean {
  if (ttlMs < 0) return false;
  // 1 - draw is above 0, which has no logarithm.
  return -deltaMs * beta * Math.log(1 - draw) >= ttlMs;
}
