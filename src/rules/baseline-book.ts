import type { HeatKind } from "../model/access.ts";
import type { BaselineSeries, KeyBaseline } from "../model/baseline.ts";
import { type Key, keyId } from "../model/key.ts";
import { adoptLevel, type Baseline, emptyBaseline, LAG, paceOf, take, WARM_UP } from "./baseline.ts";
import type { Usual } from "./usual.ts";

const KEYS_MAX = 2000;
/** Told beside its key: numbers and the lengths of fields. */
const TOLD_BYTES_PER_KEY = 64;

/** A key that has a baseline of its own. */
export interface Entry extends Usual {
  readonly key: Key;
  /** Its latest count: what it is kept for until its mean has risen. */
  latest: number;
  /** When its level was last adopted, ms since 1970; 0: never. */
  adoptedMs: number;
}

export interface BaselineBookOptions {
  readonly kind: HeatKind;
  readonly windowMs: number;
  readonly hopMs: number;
  /** Default: 2,000. */
  readonly keysMax?: number;
}

/** A count of the window that ends now: at least, and at most. */
export interface Counted {
  readonly key: Key;
  readonly atLeast: number;
  readonly atMost: number;
}

/**
 * Baselines of the hottest keys of one cluster on one partition, for one kind and window.
 *
 * As in the sketch, one bound stands for all keys that are left out: none of them is usually hotter than it, so none
 * seems to surge only because nobody had looked at it. Memory: at most `keysMax` (2,000) keys, and those of open incidents
 * beside them, of some 250 bytes and twice the length of the key: 0.6 MB with 2,000 keys of 30 bytes, 4.6 MB at worst.
 */
export class BaselineBook {
  readonly kind: HeatKind;
  readonly windowMs: number;
  readonly hopMs: number;
  readonly #keysMax: number;
  readonly #entries = new Map<string, Entry>();
  /** What is usual of any key that has no entry, at most. */
  #others = emptyBaseline();
  #counted = 0;
  /** While the book is full, what does not rank above it finds no room. */
  #leastRank = 0;
  /** Ids of the keys that are never let go. */
  #held: ReadonlySet<string> = new Set();

  constructor({ kind, windowMs, hopMs, keysMax = KEYS_MAX }: BaselineBookOptions) {
    this.kind = kind;
    this.windowMs = windowMs;
    this.hopMs = hopMs;
    this.#keysMax = keysMax;
  }

  get isWarm(): boolean {
    return this.#counted >= WARM_UP;
  }

  /** How many windows it has seen. */
  get counted(): number {
    return this.#counted;
  }

  get size(): number {
    return this.#entries.size;
  }

  get keysMax(): number {
    return this.#keysMax;
  }

  find(key: Key): Entry | undefined {
    return this.#entries.get(keyId(key.db, key.bytes));
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** What a key that has no entry has usually, at most. */
  get othersMean(): number {
    return this.#others.mean;
  }

  /**
   * The entry of a key, made if need be. A new key has at most what is usual of the others, and what the sketch may hide
   * of it just now. `null`: there is no room, as all others are hotter.
   */
  enter({ key, atLeast, atMost }: Counted): Entry | null {
    const id = keyId(key.db, key.bytes);
    const known = this.#entries.get(id);
    if (known) return known;
    if (this.#isFull && !this.#makeRoom(atLeast)) return null;
    return this.#enterNew(id, { key, atLeast, atMost });
  }

  #enterNew(id: string, { key, atLeast, atMost }: Counted): Entry {
    const hidden = Math.max(0, atMost - atLeast);
    const baseline: Baseline = {
      mean: Math.max(this.#others.mean, hidden),
      dispersion: 1,
      lagged: this.#others.lagged.map((count) => Math.max(count, hidden)),
    };
    return this.#insert(id, key, baseline, atLeast);
  }

  /** Goes on with an incident of which its baseline is all that is known: there is room, however hot others are. */
  enterWith(key: Key, mean: number): Entry {
    const entry = this.#enterNew(keyId(key.db, key.bytes), { key, atLeast: mean, atMost: mean });
    entry.baseline.mean = mean;
    return entry;
  }

  /** By ids, the keys whose incidents are open: until they are over, they are judged by what was usual before. */
  hold(ids: ReadonlySet<string>): void {
    this.#held = ids;
  }

  /** The level of now is what is usual of a key. */
  adopt(entry: Entry, count: number, nowMs: number): void {
    adoptLevel(entry.baseline, count);
    entry.adoptedMs = nowMs;
  }

  /**
   * A window has passed. `countOf`: what an entry has counted in it at most; `null`: not known, so its mean stands still.
   * `othersMost`: what a key without an entry has counted at most.
   */
  pass(
    countOf: (entry: Entry) => number | null,
    isFrozen: (entry: Entry) => boolean,
    othersMost: number,
  ): void {
    this.#counted++;
    this.#leastRank = 0;
    const pace = paceOf(this.#counted, this.windowMs);
    for (const [id, entry] of this.#entries) {
      const count = countOf(entry);
      if (count === null) continue;
      entry.latest = count;
      take(entry.baseline, count, pace, isFrozen(entry));
      if (isForgotten(entry) && !this.#held.has(id)) this.#letGo(id, entry);
    }
    take(this.#others, othersMost, pace, false);
  }

  /** For another process, the hottest keys first: as many as so many bytes have room for. */
  told(bytesMax: number): BaselineSeries {
    const keys: KeyBaseline[] = [];
    let others: Pick<KeyBaseline, "mean" | "lagged"> = this.#others;
    let bytes = 0;
    for (const entry of [...this.#entries.values()].sort((a, b) => rankOf(b) - rankOf(a))) {
      const { key, baseline } = entry;
      bytes += TOLD_BYTES_PER_KEY + key.bytes.length;
      if (bytes > bytesMax) others = atLeastBoth(others, baseline);
      else keys.push({ db: key.db, key: key.bytes, ...baseline, lagged: [...baseline.lagged] });
    }
    return {
      kind: this.kind,
      windowMs: this.windowMs,
      counted: this.#counted,
      others: { mean: others.mean, lagged: [...others.lagged] },
      keys,
    };
  }

  /** Goes on where another process has stopped. */
  resume(cluster: string, { counted, others, keys }: BaselineSeries): void {
    this.#counted = counted;
    this.#others = { ...emptyBaseline(), mean: others.mean, lagged: others.lagged.slice(-LAG) };
    this.#entries.clear();
    for (const { db, key: bytes, mean, dispersion, lagged } of keys.slice(0, this.#keysMax)) {
      const baseline = { mean, dispersion: Math.max(1, dispersion), lagged: lagged.slice(-LAG) };
      this.#insert(keyId(db, bytes), { cluster, db, bytes }, baseline, 0);
    }
  }

  /** Lets the least keys go, an eighth of all at once, if they are below one that counts so much. Whether there is room. */
  #makeRoom(count: number): boolean {
    if (count <= this.#leastRank) return false;
    const others = [...this.#entries].filter(([id]) => !this.#held.has(id));
    const least = others.sort(([, a], [, b]) => rankOf(a) - rankOf(b));
    this.#leastRank = least[0] === undefined ? 0 : rankOf(least[0][1]);
    for (const [id, entry] of least.slice(0, Math.ceil(this.#keysMax / 8))) {
      if (rankOf(entry) < count) this.#letGo(id, entry);
    }
    return !this.#isFull;
  }

  get #isFull(): boolean {
    return this.#entries.size >= this.#keysMax + this.#held.size;
  }

  #insert(id: string, key: Key, baseline: Baseline, latest: number): Entry {
    const { hopMs } = this;
    const entry = { key, baseline, hopMs, latest, stoodOutMs: 0, calmHops: 0, adoptedMs: 0 };
    this.#entries.set(id, entry);
    return entry;
  }

  #letGo(id: string, { baseline }: Entry): void {
    this.#entries.delete(id);
    this.#others = { ...this.#others, ...atLeastBoth(this.#others, baseline) };
  }
}

/** What a key is kept for. */
function rankOf({ baseline, latest }: Entry): number {
  return Math.max(baseline.mean, latest);
}

/** A key of which less than an access in a window is left is as good as new. */
function isForgotten({ baseline, latest }: Entry): boolean {
  return latest === 0 && baseline.mean < 1 && baseline.lagged.every((count) => count === 0);
}

type Level = Pick<KeyBaseline, "mean" | "lagged">;

/** What neither of two is above. */
function atLeastBoth(one: Level, other: Level): { mean: number; lagged: number[] } {
  const length = Math.max(one.lagged.length, other.lagged.length);
  const lagged = Array.from({ length }, (_, place) =>
    Math.max(fromEnd(one.lagged, length - place), fromEnd(other.lagged, length - place)),
  );
  return { mean: Math.max(one.mean, other.mean), lagged };
}

function fromEnd(counts: readonly number[], distance: number): number {
  return counts[counts.length - distance] ?? 0;
}
