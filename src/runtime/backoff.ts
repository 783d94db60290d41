export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Delay before attempt `attempt` (0-based), in ms: doubles from `firstMs` to `maxMs`, with half of it jittered so that
 * many clients do not come back at once.
 */
export function backoffMs(attempt: number, { firstMs, maxMs }: BackoffOptions, random = Math.random): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (ceiling / 2) * random();
}
