/** Holds objects as long as somebody else does: an app may make clients and drop them without end. */
export class WeakList<T extends object> {
  #references: WeakRef<T>[] = [];
  #sweepAt = 16;

  add(item: T): void {
    if (this.#references.length >= this.#sweepAt) {
      this.#references = this.#references.filter((reference) => reference.deref() !== undefined);
      this.#sweepAt = Math.max(16, 2 * this.#references.length);
    }
    this.#references.push(new WeakRef(item));
  }

  delete(item: T): void {
    this.#references = this.#references.filter((reference) => reference.deref() !== item);
  }

  /** Those that are still there. */
  items(): T[] {
    return this.#references.flatMap((reference) => reference.deref() ?? []);
  }
}
