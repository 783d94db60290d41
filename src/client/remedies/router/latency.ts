/** A latency of so long ago counts for 1/e of one of now. */
const MEMORY_MS = 2000;

/**
 * A mean of latencies in which newer ones weigh more, by time and not by number: at ten thousand reads a second as at one,
 * what was five seconds ago hardly counts.
 */
export class RecentLatency {
  #meanMs: number | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;

  add(latencyMs: number, nowMs: number): void {
    const kept = Math.exp(-Math.max(0, nowMs - this.#lastMs) / MEMORY_MS);
    this.#meanMs = this.#meanMs === null ? latencyMs : this.#meanMs * kept + latencyMs * (1 - kept);
    this.#lastMs = nowMs;
  }

  /** When the last one was added. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** In ms; `null`: nothing was measured. */
  get meanMs(): number | null {
    return this.#meanMs;
  }
}
