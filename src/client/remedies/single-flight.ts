/** Runs at most one task a key at a time: who asks meanwhile gets what it gives, also its error. */
export class SingleFlight<Value> {
  readonly #flights = new Map<string, Promise<Value>>();

  /** Keys under way. */
  get size(): number {
    return this.#flights.size;
  }

  isUnderWay(key: string): boolean {
    return this.#flights.has(key);
  }

  run(key: string, task: () => Promise<Value>): Promise<Value> {
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    const flight = (async () => await task())().finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }

  /** Who asks from now on starts a new task: what is under way is out of date. Who waits for it still gets it. */
  forget(key: string): void {
    this.#flights.delete(key);
  }
}
