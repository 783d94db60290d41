const WINDOW_MS = 1000;
const KEYS_MAX = 4096;
const CHARACTERS_MAX = 1024 * 1024;
/** Longer ones are not counted: together with few others they would take the room of all. */
const KEY_CHARACTERS_MAX = 64 * 1024;

interface Reads {
  /** In the second that is open. */
  now: number;
  /** In the one before. */
  readonly before: number;
}

/**
 * How often keys are read a second.
 *
 * Error: a rate is that of the open second and of the rest of the one before, as if its reads had come evenly. Of N reads
 * a second of more than 4,096 keys, a key may be counted up to N / 4,097 too low, never too high.
 * Memory: 4,096 keys or 1 Mi characters of them, for each of two seconds. Cost: O(1), amortized.
 * Source: Misra, Gries, "Finding repeated elements", Science of Computer Programming 2, 1982.
 */
export class ReadRates {
  #startMs = Number.NEGATIVE_INFINITY;
  #open = new Map<string, Reads>();
  #before: ReadonlyMap<string, Reads> = new Map();
  #characters = 0;

  /** Counts a read. Returns: the key's reads a second by now, this one included. Times are monotonic. */
  count(id: string, nowMs: number): number {
    this.#turn(nowMs);
    const reads = this.#open.get(id) ?? this.#enter(id);
    if (reads === null) return 0;
    reads.now++;
    return this.#rateOf(reads, nowMs);
  }

  /** Keys that were read lately, with their reads a second. */
  *rates(nowMs: number): Iterable<readonly [id: string, perSecond: number]> {
    this.#turn(nowMs);
    for (const [id, reads] of this.#open) yield [id, this.#rateOf(reads, nowMs)];
    for (const [id, { now }] of this.#before) {
      if (!this.#open.has(id)) yield [id, this.#rateOf({ now: 0, before: now }, nowMs)];
    }
  }

  clear(): void {
    this.#open = new Map();
    this.#before = new Map();
    this.#characters = 0;
  }

  #rateOf({ now, before }: Reads, nowMs: number): number {
    return now + before * (1 - (nowMs - this.#startMs) / WINDOW_MS);
  }

  #turn(nowMs: number): void {
    const sinceMs = nowMs - this.#startMs;
    if (sinceMs < WINDOW_MS) return;
    const isNext = sinceMs < 2 * WINDOW_MS;
    this.#before = isNext ? this.#open : new Map();
    this.#startMs = isNext ? this.#startMs + WINDOW_MS : nowMs;
    this.#open = new Map();
    this.#characters = 0;
  }

  /** `null`: there was no room for the key, so that all others give one read for it. */
  #enter(id: string): Reads | null {
    if (id.length > KEY_CHARACTERS_MAX) return null;
    if (this.#open.size >= KEYS_MAX || this.#characters + id.length > CHARACTERS_MAX) {
      this.#decrement();
      return null;
    }
    const reads = { now: 0, before: this.#before.get(id)?.now ?? 0 };
    this.#open.set(id, reads);
    this.#characters += id.length;
    return reads;
  }

  /** Takes no longer than the reads that it takes back took. */
  #decrement(): void {
    for (const [id, reads] of this.#open) {
      if (--reads.now > 0) continue;
      this.#open.delete(id);
      this.#characters -= id.length;
    }
  }
}
