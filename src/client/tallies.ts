import type { CountedRows } from "./recent-heat.ts";
import { KeyTally, type TallyListener } from "./tally.ts";

/** One tally for each probability with which commands were counted lately. */
export class Tallies {
  readonly #listener: TallyListener;
  readonly #byProbability = new Map<number, KeyTally>();

  constructor(listener: TallyListener) {
    this.#listener = listener;
  }

  of(probability: number): KeyTally {
    let tally = this.#byProbability.get(probability);
    if (tally === undefined) {
      tally = new KeyTally(probability, this.#listener);
      this.#byProbability.set(probability, tally);
    }
    return tally;
  }

  all(): Iterable<KeyTally> {
    return this.#byProbability.values();
  }

  get isEmpty(): boolean {
    for (const { size } of this.all()) if (size > 0) return false;
    return true;
  }

  /** Accesses counted so far. */
  get counted(): number {
    let sum = 0;
    for (const { counted } of this.all()) sum += counted;
    return sum;
  }

  /** What is there now, which stays. */
  pending(): CountedRows[] {
    return Array.from(this.all(), (tally) => ({ probability: tally.probability, rows: [...tally.rows()] }));
  }

  /** Takes everything out. */
  drain(): CountedRows[] {
    return Array.from(this.all(), (tally) => ({ probability: tally.probability, rows: tally.drain() }));
  }
}
