/** Takes the agent's own look-ups off the server's count of reads: they must not heat what they measure. */
export class OwnReads {
  #runId: string | null = null;
  #count = 0;
  #lastReads = 0;

  /** Notes look-ups that the server has answered. Each counts as a hit or a miss there. */
  add(count: number): void {
    this.#count += count;
  }

  /** `reads` of the server process `runId` without the agent's own. A restart or RESETSTAT forgets them. */
  takeOff(runId: string | null, reads: number): number {
    if (runId !== this.#runId || reads < this.#lastReads) this.#count = 0;
    this.#runId = runId;
    this.#lastReads = reads;
    return Math.max(0, reads - this.#count);
  }
}
