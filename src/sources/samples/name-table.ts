import type { ByteBudget } from "../../runtime/byte-budget.ts";

const BYTES_PER_NAME = 96;

/** Names of commands or services in one pane, by number: what is said of keys is said in numbers. */
export class NameTable {
  readonly #max: number;
  readonly #budget: ByteBudget;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  #bytes = 0;

  /** Names beyond `max` have no number. */
  constructor(max: number, budget: ByteBudget) {
    this.#max = max;
    this.#budget = budget;
  }

  idOf(name: string): number | undefined {
    const known = this.#ids.get(name);
    if (known !== undefined || this.#names.length >= this.#max) return known;
    this.#ids.set(name, this.#names.length);
    this.#charge(BYTES_PER_NAME + 2 * name.length);
    return this.#names.push(name) - 1;
  }

  nameOf(id: number): string {
    return this.#names[id] ?? "";
  }

  /** Gives its memory back. */
  dispose(): void {
    this.#charge(-this.#bytes);
    this.#ids.clear();
    this.#names.length = 0;
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.take(bytes);
  }
}
