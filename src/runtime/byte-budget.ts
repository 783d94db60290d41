/** A limit of memory that several owners share, in bytes (an estimate: tables and strings are charged flat). */
export class ByteBudget {
  readonly bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  get left(): number {
    return this.bytesMax - this.#used;
  }

  /** Negative: gives them back. */
  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
