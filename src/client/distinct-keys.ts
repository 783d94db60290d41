import { HyperLogLog } from "../panes/hyperloglog.ts";

const FEW_MAX = 256;

/** Counts distinct keys by their 32-bit hashes: up to 256 one by one, more with a standard error of 2.3%. */
export class DistinctKeys {
  readonly #few = new Set<number>();
  readonly #many = new HyperLogLog();

  add(hash: number): void {
    this.#many.add(hash);
    if (this.#few.size <= FEW_MAX) this.#few.add(hash);
  }

  /** Takes in what the other was given. */
  addAll(other: DistinctKeys): void {
    this.#many.addAll(other.#many);
    for (const hash of other.#few) {
      if (this.#few.size > FEW_MAX) return;
      this.#few.add(hash);
    }
  }

  count(): number {
    return this.#few.size <= FEW_MAX ? this.#few.size : Math.round(this.#many.estimate());
  }
}
