/** Below this rate, keys are not worth an early part. */
const STEEP_RATE_PER_SECOND = 200;
/** A steep key runs at this multiple of its mean. */
const STEEP_RATIO = 2;
const MEAN_OVER_MS = 10_000;

/**
 * Tells which keys rise steeply: a rate now of at least twice the mean over the last 10 s, and above 200/s.
 *
 * Only keys that could raise that threshold (a mean above 100/s) are remembered: for all others 200/s decides.
 */
export class Steepness {
  readonly #panes: number;
  readonly #lengthMs: number;
  readonly #rememberedFrom: number;
  /** Newest last; one map a pane, of keys by identity. */
  #history: Map<string, number>[] = [];

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.#panes = Math.max(1, Math.round(MEAN_OVER_MS / lengthMs));
    this.#rememberedFrom = ((STEEP_RATE_PER_SECOND / STEEP_RATIO) * lengthMs) / 1000;
  }

  /** Whether a key at `ratePerSecond` may be steep, whatever its past. */
  couldBeSteep(ratePerSecond: number): boolean {
    return ratePerSecond >= STEEP_RATE_PER_SECOND;
  }

  isSteep(id: string, ratePerSecond: number): boolean {
    if (!this.couldBeSteep(ratePerSecond)) return false;
    return ratePerSecond >= STEEP_RATIO * this.#meanPerSecond(id);
  }

  /** Whether a closed pane's count of a key must be remembered. */
  isRemembered(count: number): boolean {
    return count >= this.#rememberedFrom;
  }

  /** Takes the counts of a closed pane, of the keys worth remembering. */
  closePane(counts: Map<string, number>): void {
    this.#history.push(counts);
    if (this.#history.length > this.#panes) this.#history.shift();
  }

  #meanPerSecond(id: string): number {
    let sum = 0;
    for (const pane of this.#history) sum += pane.get(id) ?? 0;
    return (sum * 1000) / (this.#panes * this.#lengthMs);
  }
}
