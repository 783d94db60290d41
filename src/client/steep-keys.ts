import { Steepness } from "../panes/steepness.ts";
import { type KeySums, loadOf } from "./key-sums.ts";
import { type KeyText, keyTextOf } from "./key-text.ts";
import type { CountedRows } from "./recent-heat.ts";
import type { Tallies } from "./tallies.ts";
import type { KeyTally } from "./tally.ts";
import type { TallyRow } from "./tally-row.ts";

const SECOND_MS = 1000;
const SECONDS_REMEMBERED = 10;
/** Fewer accesses since the last look may be the luck of sampling. */
const GROWTH_MIN = 10;

/** Finds the keys that rise so steeply that they are worth telling of before the second is over. */
export class SteepKeys {
  readonly #steepness = new Steepness(SECOND_MS);

  /** Takes the rows of steep keys out of the tallies. `spanMs`: since the last look, or since the tallies were drained. */
  take(tallies: Tallies, spanMs: number): CountedRows[] {
    if (spanMs <= 0) return [];
    return Array.from(tallies.all(), (tally) => {
      const rows = this.#steep(tally, spanMs);
      for (const row of rows) tally.remove(row);
      return { probability: tally.probability, rows };
    });
  }

  /** Remembers the sums of a second that is over. */
  closeSecond(sums: KeySums): void {
    const counts = new Map<string, number>();
    for (const sum of sums.all()) {
      const count = loadOf(sum);
      if (this.#steepness.isRemembered(count)) counts.set(idOf(sum.db, sum), count);
    }
    this.#steepness.closePane(counts);
  }

  /** Nothing was counted for so long. */
  rested(idleMs: number): void {
    const seconds = Math.min(SECONDS_REMEMBERED, Math.floor(idleMs / SECOND_MS));
    for (let i = 0; i < seconds; i++) this.#steepness.closePane(new Map());
  }

  #steep(tally: KeyTally, spanMs: number): TallyRow[] {
    const toRate = 1000 / (tally.probability * spanMs);
    const steep: TallyRow[] = [];
    for (const row of tally.rows()) {
      const { load } = row;
      const growth = load - row.marked;
      row.marked = load;
      const rate = growth * toRate;
      if (growth < GROWTH_MIN || !this.#steepness.couldBeSteep(rate)) continue;
      if (this.#steepness.isSteep(idOf(row.place.db, keyTextOf(row)), rate)) steep.push(row);
    }
    return steep;
  }
}

function idOf(db: number, { keyEncoding, key }: KeyText): string {
  return `${db} ${keyEncoding} ${key}`;
}
