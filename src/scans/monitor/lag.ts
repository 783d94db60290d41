/**
 * By how much lines are read later than at their best: what lies in buffers between the server and us.
 *
 * Compares the server's time of a line with ours; the smallest difference that was seen is that of the clocks.
 */
export class LineLag {
  #smallestMs = Number.POSITIVE_INFINITY;
  #latestMs = 0;

  /** A line that the server wrote at `serverMs` was read at `nowMs` (monotonic). */
  note(serverMs: number, nowMs: number): void {
    const differenceMs = nowMs - serverMs;
    this.#smallestMs = Math.min(this.#smallestMs, differenceMs);
    this.#latestMs = differenceMs;
  }

  /** Of the line that was read last. */
  get lagMs(): number {
    return this.#smallestMs === Number.POSITIVE_INFINITY ? 0 : this.#latestMs - this.#smallestMs;
  }
}
