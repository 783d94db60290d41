/** The `limit` greatest of what is offered, in bounded memory: a sorted list, since limits are small. */
export class TopList<T> {
  readonly #limit: number;
  readonly #weightOf: (item: T) => number;
  readonly #items: T[] = [];

  constructor(limit: number, weightOf: (item: T) => number) {
    this.#limit = limit;
    this.#weightOf = weightOf;
  }

  /** Weight that an item must have more of to get in; -Infinity while there is room. */
  get threshold(): number {
    const last = this.#items.length < this.#limit ? undefined : this.#items.at(-1);
    return last === undefined ? Number.NEGATIVE_INFINITY : this.#weightOf(last);
  }

  offer(item: T): void {
    const weight = this.#weightOf(item);
    if (weight <= this.threshold) return;
    this.#items.splice(this.#placeOf(weight), 0, item);
    if (this.#items.length > this.#limit) this.#items.pop();
  }

  /** Greatest first; of equals the one that came first. */
  items(): readonly T[] {
    return this.#items;
  }

  #placeOf(weight: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#weightOf(this.#items[middle]!) >= weight) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
