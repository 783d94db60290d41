/** A budget of messages: `burst` at first, and one more each `intervalMs`, up to `burst`. */
export class MessageBudget {
  #left: number;
  /** Up to when refills have been given. */
  #refilledAtMs: number;

  constructor(burst: number, nowMs: number) {
    this.#left = burst;
    this.#refilledAtMs = nowMs;
  }

  /** Takes one message from the budget; returns 0, or where it is empty how long until it is not, in ms. */
  spend(burst: number, intervalMs: number, nowMs: number): number {
    this.#refill(burst, intervalMs, nowMs);
    if (this.#left < 1) return Math.max(1, this.#refilledAtMs + intervalMs - nowMs);
    this.#left--;
    return 0;
  }

  isFull(burst: number, intervalMs: number, nowMs: number): boolean {
    this.#refill(burst, intervalMs, nowMs);
    return this.#left >= burst;
  }

  #refill(burst: number, intervalMs: number, nowMs: number): void {
    const refills = Math.max(0, Math.floor((nowMs - this.#refilledAtMs) / intervalMs));
    this.#left = Math.min(burst, this.#left + refills);
    this.#refilledAtMs += refills * intervalMs;
    // A full budget does not save up time, and a wall clock that went back does not hold messages up.
    if (this.#left >= burst || this.#refilledAtMs > nowMs) this.#refilledAtMs = nowMs;
  }
}
