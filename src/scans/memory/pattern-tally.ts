import type { LargestKey, PatternFigures } from "./pattern-figures.ts";
import { estimateTotal } from "./sample-estimate.ts";

/** What was found of a key: its bytes; `null`: of a type that is not measured; `skipped`: not in the sample. */
export type Finding = number | null | "skipped";

/** Keys of one level that were looked at. */
interface Stratum {
  readonly looked: number;
  readonly measured: number;
  readonly bytes: number;
  readonly squares: number;
  readonly cubes: number;
}

const NOTHING: Stratum = { looked: 0, measured: 0, bytes: 0, squares: 0, cubes: 0 };

/** What was lost of a pattern before its tally began. */
export interface Lost {
  readonly keys: number;
  readonly bytes: number;
}

/**
 * Counts the keys of one pattern and sums up their bytes, of all of them or of an even sample.
 *
 * Each key has a level: L with probability 2^-(L+1), by its hash. At first keys of all levels are looked at; where more
 * than twice `sampleKeys` were, the lowest level is given up, and what it gave is left out. So the rest is a random
 * sample of all keys seen so far, in memory that does not grow. Source: Flajolet, "On adaptive sampling", Computing 43,
 * 1990 (an idea of M. Wegman).
 */
export class PatternTally {
  readonly #sampleKeys: number;
  readonly #lost: Lost;
  readonly #strata = new Map<number, Stratum>();
  #level = 0;
  #looked = 0;
  #keys = 0;
  #sureBytes = 0;
  #largestBytes: number | null = null;
  #largestKey: LargestKey | null = null;

  /** `sampleKeys`: Infinity to look at all. */
  constructor(sampleKeys: number, lost: Lost) {
    this.#sampleKeys = sampleKeys;
    this.#lost = lost;
  }

  get sureBytes(): number {
    return this.#sureBytes;
  }

  /** Whether a key of this level is to be looked at. */
  wants(level: number): boolean {
    return level >= this.#level;
  }

  add(level: number, finding: Finding, describe: () => LargestKey): void {
    this.#keys++;
    if (finding === "skipped") return;
    if (finding !== null) this.#noteBytes(finding, describe);
    if (!this.wants(level)) return;
    this.#looked++;
    this.#strata.set(level, withFinding(this.#strata.get(level) ?? NOTHING, finding));
    while (this.#looked > this.#sampleKeys * 2 && this.#giveUpLevel());
  }

  figures(): PatternFigures {
    const sample = sumOf(this.#strata.values());
    const { bytes, margin } = estimateTotal({ ...sample, keys: this.#keys });
    const unmeasured = sample.looked - sample.measured;
    return {
      keys: this.#keys,
      lostKeysMax: this.#lost.keys,
      lostBytesMax: this.#lost.bytes,
      measured: sample.measured,
      unmeasured: sample.looked === 0 ? 0 : Math.round((this.#keys * unmeasured) / sample.looked),
      totalBytes: Math.max(bytes, this.#sureBytes),
      sureBytes: this.#sureBytes,
      margin,
      largestBytes: this.#largestBytes,
      largestKey: this.#largestKey,
    };
  }

  #noteBytes(bytes: number, describe: () => LargestKey): void {
    this.#sureBytes += bytes;
    if (bytes <= (this.#largestBytes ?? -1)) return;
    this.#largestBytes = bytes;
    this.#largestKey = describe();
  }

  /** Unless too few would be left. */
  #giveUpLevel(): boolean {
    const left = this.#looked - (this.#strata.get(this.#level)?.looked ?? 0);
    if (left < this.#sampleKeys / 2) return false;
    this.#strata.delete(this.#level);
    this.#level++;
    this.#looked = left;
    return true;
  }
}

function withFinding(stratum: Stratum, bytes: number | null): Stratum {
  return {
    looked: stratum.looked + 1,
    measured: stratum.measured + (bytes === null ? 0 : 1),
    bytes: stratum.bytes + (bytes ?? 0),
    squares: stratum.squares + (bytes ?? 0) ** 2,
    cubes: stratum.cubes + (bytes ?? 0) ** 3,
  };
}

function sumOf(strata: Iterable<Stratum>): Stratum {
  return Array.from(strata).reduce(
    (a, b) => ({
      looked: a.looked + b.looked,
      measured: a.measured + b.measured,
      bytes: a.bytes + b.bytes,
      squares: a.squares + b.squares,
      cubes: a.cubes + b.cubes,
    }),
    NOTHING,
  );
}
