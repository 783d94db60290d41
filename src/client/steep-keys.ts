import { Steepness } from "../panes/steepness.ts";
import { type KeySum, KeySums, loadOf } from "./key-sums.ts";
import { keyTextOf } from "./key-text.ts";
import type { CountedRows } from "./recent-heat.ts";
import type { Tallies } from "./tallies.ts";
import type { KeyTally } from "./tally.ts";
import type { TallyRow } from "./tally-row.ts";

const SECOND_MS = 1000;
const SECONDS_REMEMBERED = 10;
/** A key may be counted by several tallies, in which it looks less steep: so this part of a steep rate is enough. */
const PART_OF_STEEP = 1 / 4;

/** Finds the keys that rise so steeply that they are worth telling of before the second is over. */
export class SteepKeys {
  readonly #steepness = new Steepness(SECOND_MS);

  /** Takes the rows of steep keys out of the tallies. `spanMs`: since the last look, or since the tallies were drained. */
  take(tallies: Tallies, spanMs: number): CountedRows[] {
    if (spanMs <= 0) return [];
    const candidates = new Map<KeyTally, TallyRow[]>();
    const rates = new KeySums();
    for (const tally of tallies.all()) {
      const rows = this.#grown(tally, spanMs, rates);
      if (rows.length > 0) candidates.set(tally, rows);
    }
    const steep = new Set<string>();
    for (const sum of rates.all()) if (this.#steepness.isSteep(idOf(sum), loadOf(sum))) steep.add(idOf(sum));
    if (steep.size === 0) return [];
    return Array.from(candidates, ([tally, rows]) => {
      const taken = rows.filter((row) => steep.has(idOfRow(row)));
      for (const row of taken) tally.remove(row);
      return { probability: tally.probability, rows: taken };
    });
  }

  /** Remembers the sums of a second that is over. */
  closeSecond(sums: KeySums): void {
    const counts = new Map<string, number>();
    for (const sum of sums.all()) {
      const count = loadOf(sum);
      if (this.#steepness.isRemembered(count)) counts.set(idOf(sum), count);
    }
    this.#steepness.closePane(counts);
  }

  /** Nothing was counted for so long. */
  rested(idleMs: number): void {
    const seconds = Math.min(SECONDS_REMEMBERED, Math.floor(idleMs / SECOND_MS));
    for (let i = 0; i < seconds; i++) this.#steepness.closePane(new Map());
  }

  /** Rows that may be steep; adds what they grew by, as rates, to `rates`. */
  #grown(tally: KeyTally, spanMs: number, rates: KeySums): TallyRow[] {
    const toRate = 1000 / (tally.probability * spanMs);
    const grown: TallyRow[] = [];
    for (const row of tally.rows()) {
      const { load } = row;
      const rate = (load - row.marked) * toRate;
      row.marked = load;
      if (!this.#steepness.couldBeSteep(rate / PART_OF_STEEP)) continue;
      rates.add({ ...keyTextOf(row), db: row.place.db, reads: rate, writes: 0, misses: 0, absorbed: 0 });
      grown.push(row);
    }
    return grown;
  }
}

function idOf({ db, keyEncoding, key }: Pick<KeySum, "db" | "keyEncoding" | "key">): string {
  return `${db} ${keyEncoding} ${key}`;
}

function idOfRow(row: TallyRow): string {
  return idOf({ db: row.place.db, ...keyTextOf(row) });
}
