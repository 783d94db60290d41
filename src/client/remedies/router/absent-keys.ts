/**
 * Keys that the primary said do not exist, for a while: a replica that says so as well may be believed.
 *
 * Memory: at most `keysMax` keys, the latest.
 */
export class AbsentKeys {
  readonly #believedMs: number;
  readonly #keysMax: number;
  readonly #askedMs = new Map<string, number>();

  constructor(believedMs: number, keysMax: number) {
    this.#believedMs = believedMs;
    this.#keysMax = keysMax;
  }

  /** The primary, asked at `askedMs`, did not have it. */
  add(id: string, askedMs: number): void {
    this.#askedMs.delete(id);
    this.#askedMs.set(id, askedMs);
    if (this.#askedMs.size > this.#keysMax) this.#askedMs.delete(this.#askedMs.keys().next().value!);
  }

  has(id: string, nowMs: number): boolean {
    const askedMs = this.#askedMs.get(id);
    return askedMs !== undefined && nowMs - askedMs <= this.#believedMs;
  }

  delete(id: string): void {
    this.#askedMs.delete(id);
  }
}
