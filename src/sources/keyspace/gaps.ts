/** Interruptions of a source, by reason: in them accesses may have gone unseen. */
export class Gaps {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  byReason(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
