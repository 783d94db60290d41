import { joined, type LargestKey, NO_KEYS, type PatternFigures } from "./pattern-figures.ts";
import { type Finding, type Lost, PatternTally } from "./pattern-tally.ts";

export interface NamedFigures extends PatternFigures {
  readonly pattern: string;
}

/** When there are twice as many, the half with the fewest bytes joins the rest. */
const PATTERNS_KEPT = 10_000;

const NOTHING_LOST: Lost = { keys: 0, bytes: 0 };

/**
 * Tallies by pattern, in bounded memory.
 *
 * Of more than 20,000 patterns the smaller half joins the rest; a pattern that comes again after that begins anew, and
 * its figures tell how much it may have lost at most. Source: Manku, Motwani, "Approximate Frequency Counts over Data
 * Streams", VLDB 2002 (lossy counting).
 */
export class PatternTable {
  readonly #sampleKeys: number;
  readonly #patternsKept: number;
  readonly #tallies = new Map<string, PatternTally>();
  /** Of keys that have no pattern. */
  readonly #other: PatternTally;
  #rest = NO_KEYS;
  #folded = 0;
  #lost = NOTHING_LOST;

  /**
   * `sampleKeys`: how many keys of each pattern are looked at, up to twice as many; Infinity: all. `expected`: patterns
   * that are there also without keys; fewer than are kept.
   */
  constructor(sampleKeys: number, expected: readonly string[] = [], patternsKept = PATTERNS_KEPT) {
    this.#sampleKeys = sampleKeys;
    this.#patternsKept = patternsKept;
    this.#other = this.#newTally();
    for (const pattern of expected) this.#tallies.set(pattern, this.#newTally());
  }

  /** How often a pattern has joined the rest. */
  get folded(): number {
    return this.#folded;
  }

  /** Whether a key of this pattern (`null`: of none) and level is to be looked at. */
  wants(pattern: string | null, level: number): boolean {
    const tally = pattern === null ? this.#other : this.#tallies.get(pattern);
    return tally?.wants(level) ?? true;
  }

  add(pattern: string | null, level: number, finding: Finding, describe: () => LargestKey): void {
    this.#tallyOf(pattern).add(level, finding, describe);
    if (this.#tallies.size > this.#patternsKept * 2) this.#fold();
  }

  /** Most bytes first. */
  patterns(): NamedFigures[] {
    return Array.from(this.#tallies, ([pattern, tally]) => ({ pattern, ...tally.figures() })).sort(
      (a, b) => b.totalBytes - a.totalBytes || b.keys - a.keys,
    );
  }

  /** All keys of patterns that are not kept, or of none. */
  rest(): PatternFigures {
    return joined(this.#rest, this.#other.figures());
  }

  #tallyOf(pattern: string | null): PatternTally {
    if (pattern === null) return this.#other;
    const tally = this.#tallies.get(pattern) ?? this.#newTally();
    this.#tallies.set(pattern, tally);
    return tally;
  }

  #newTally(): PatternTally {
    return new PatternTally(this.#sampleKeys, this.#lost);
  }

  #fold(): void {
    const smallest = this.patterns().slice(this.#patternsKept);
    for (const { pattern, ...figures } of smallest) {
      this.#tallies.delete(pattern);
      this.#rest = joined(this.#rest, figures);
    }
    this.#folded += smallest.length;
    this.#lost = {
      keys: this.#lost.keys + Math.max(...smallest.map(({ keys }) => keys)),
      bytes: this.#lost.bytes + Math.max(...smallest.map(upperBytes)),
    };
  }
}

function upperBytes({ totalBytes, margin }: PatternFigures): number {
  return totalBytes + (margin?.above ?? Number.POSITIVE_INFINITY);
}
