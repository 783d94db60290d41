import { COMMANDS_PER_ENTRY } from "../model/pane.ts";
import type { Coins } from "./coins.ts";
import { copyKey, isSameKey, type KeyHasher, viewOf } from "./key-words.ts";
import { nthSmallest } from "./nth-smallest.ts";

/** Entries are evicted down to this quantile of their counts when the summary is full. */
const PURGE_QUANTILE = 0.5;
const SLOTS_PER_ENTRY = 4;
/** Entries are counted by how far they stand above the floor, up to so far. */
const STEPS = 256;

/**
 * An entry is one record, for the sake of the processor's caches: what an event touches lies side by side, its hash,
 * where its key is, its commands, its first counters. Places are in words of 4 bytes.
 */
const HASH = 0;
const KEY_START = 1;
/** Length of the key in the low bits, database above. */
const KEY_LENGTH_AND_DB = 2;
/** One byte each. */
const COMMAND_IDS = 3;
const COMMAND_COUNTS = 4;
/** What was counted in all columns, and the error: doubles, as the counters behind them. */
const COUNTED = COMMAND_COUNTS + COMMANDS_PER_ENTRY;
const ERROR = COUNTED + 2;
const HEAD_WORDS = ERROR + 2;
const LENGTH_BITS = 11;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;

/** Numbers of databases that an entry has room for. */
export const DB_MAX = 2 ** (31 - LENGTH_BITS) - 1;
/** Room for two of the longest keys, else no purge could make place for one. */
const MIN_ARENA_BYTES = 4096;

export interface SketchOptions {
  /** How many keys are tracked at most. */
  readonly capacity: number;
  /** Limit of all memory of the summary, in bytes: tables and key bytes. */
  readonly bytesMax: number;
  /** How many counters an entry has. */
  readonly columns: number;
  /** How many notes it has beside them. */
  readonly notes: number;
  readonly hasher: KeyHasher;
}

/**
 * Weighted Space-Saving in floor form over key bytes, with several counters an entry.
 *
 * An entry holds what was counted since it is tracked, by column, and `error`: the floor when it came in. Then
 * `counted <= true <= counted + error`; a key that is not tracked had at most `floor`. When entries or key bytes are
 * full, the floor rises to the median count and all that is not above it leaves. Exact until the first purge.
 *
 * Cost: O(1) amortised, no allocation for an event. Error: floor <= 2 * total / capacity.
 * Source: Metwally, Agrawal, El Abbadi, ICDT 2005; in its mergeable form Agarwal et al., "Mergeable Summaries",
 * PODS 2012.
 */
export class Sketch {
  readonly #columns: number;
  readonly #capacity: number;
  readonly #hasher: KeyHasher;
  /** A hash less its lower bits is a place in the table. */
  readonly #shift: number;
  readonly #mask: number;
  /** Entry plus one by the upper bits of its hash; 0 is empty. Linear probing. */
  readonly #table: Int32Array;
  /** Words of a record. */
  readonly #stride: number;
  readonly #words: Int32Array;
  /** The same records, for counters: place of a column is `record / 2 + COUNTERS`. */
  readonly #doubles: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #scratch: Float64Array;
  readonly #steps = new Uint32Array(STEPS);
  readonly #arena: Uint8Array;
  readonly #keys: DataView;
  #arenaUsed = 0;
  #lastHash = 0;
  #size = 0;
  #floor = 0;
  #purges = 0;

  constructor({ capacity, bytesMax, columns, notes, hasher }: SketchOptions) {
    if (!Number.isInteger(capacity) || capacity < 2)
      throw new RangeError(`capacity must be at least 2, got ${capacity}`);
    this.#columns = columns;
    this.#capacity = capacity;
    this.#hasher = hasher;
    const bits = tableBits(capacity);
    this.#shift = 32 - bits;
    this.#table = new Int32Array(2 ** bits);
    this.#mask = this.#table.length - 1;
    this.#stride = recordWords(columns + notes);
    const records = new ArrayBuffer(4 * this.#stride * capacity);
    this.#words = new Int32Array(records);
    this.#doubles = new Float64Array(records);
    this.#bytes = new Uint8Array(records);
    this.#scratch = new Float64Array(capacity);
    const arenaBytes = bytesMax - sketchTableBytes({ capacity, columns, notes });
    if (arenaBytes < MIN_ARENA_BYTES) throw new RangeError(`bytesMax leaves ${arenaBytes} bytes for keys`);
    this.#arena = new Uint8Array(arenaBytes);
    this.#keys = viewOf(this.#arena);
  }

  get size(): number {
    return this.#size;
  }

  /** A key that is not tracked had at most this weight. */
  get floor(): number {
    return this.#floor;
  }

  get purges(): number {
    return this.#purges;
  }

  get keyBytesUsed(): number {
    return this.#arenaUsed;
  }

  /** Hash of the key that was looked up last. */
  get lastHash(): number {
    return this.#lastHash;
  }

  /** The entry of the key `keys[start, end)` in database `db`, or -1. */
  find(db: number, keys: DataView, start: number, end: number): number {
    const table = this.#table;
    const words = this.#words;
    const length = end - start;
    const lengthAndDb = length | (db << LENGTH_BITS);
    const hash = this.#hasher.hash(db, keys, start, end);
    this.#lastHash = hash;
    for (let place = hash >>> this.#shift; ; place = (place + 1) & this.#mask) {
      const entry = table[place]! - 1;
      if (entry < 0) return -1;
      const record = Math.imul(entry, this.#stride);
      if (words[record]! !== hash || words[record + KEY_LENGTH_AND_DB]! !== lengthAndDb) continue;
      if (isSameKey(this.#keys, words[record + KEY_START]!, keys, start, length)) return entry;
    }
  }

  /**
   * Tracks the key that `find` has just not found: at most 1,034 bytes (the kept form), in a database of at most
   * `DB_MAX`. May purge: entry numbers from before are void then.
   */
  enter(db: number, keys: DataView, start: number, end: number): number {
    const length = end - start;
    while (this.#size === this.#capacity || this.#arenaUsed + length > this.#arena.length) this.#purge();
    const entry = this.#size++;
    const record = entry * this.#stride;
    this.#words[record + HASH] = this.#lastHash;
    this.#words[record + KEY_START] = this.#arenaUsed;
    this.#words[record + KEY_LENGTH_AND_DB] = length | (db << LENGTH_BITS);
    this.#doubles[(record + ERROR) >> 1] = this.#floor;
    copyKey(keys, start, this.#keys, this.#arenaUsed, length);
    this.#arenaUsed += length;
    this.#link(entry, this.#lastHash);
    return entry;
  }

  /** Counts `weight` in `column` of a tracked entry, and under the command `commandId` (1..255; 0: none). */
  count(entry: number, column: number, weight: number, commandId: number): void {
    const record = Math.imul(entry, this.#stride);
    this.#doubles[((record + HEAD_WORDS) >> 1) + column]! += weight;
    this.#doubles[(record + COUNTED) >> 1]! += weight;
    if (commandId === 0) return;
    const ids = 4 * (record + COMMAND_IDS);
    const first = this.#bytes[ids]!;
    if (first === 0) this.#bytes[ids] = commandId;
    if (first === 0 || first === commandId) this.#words[record + COMMAND_COUNTS]! += weight;
    else this.#countCommand(ids, record + COMMAND_COUNTS, commandId, weight);
  }

  /** Moves `weight` from one column of an entry to another. False where there is not so much to move. */
  move(entry: number, from: number, to: number, weight: number): boolean {
    const counters = this.#counters(entry);
    if (this.#doubles[counters + from]! < weight) return false;
    this.#doubles[counters + from]! -= weight;
    this.#doubles[counters + to]! += weight;
    return true;
  }

  /** Takes off `weight` that was counted but should not have been. False where there is not so much. */
  takeBack(entry: number, column: number, weight: number): boolean {
    const place = this.#counters(entry) + column;
    if (this.#doubles[place]! < weight) return false;
    this.#doubles[place]! -= weight;
    this.#doubles[(entry * this.#stride + COUNTED) >> 1]! -= weight;
    return true;
  }

  /** A counter, or a note: those are in the columns behind the counters. */
  counter(entry: number, column: number): number {
    return this.#doubles[this.#counters(entry) + column]!;
  }

  /** Notes a number beside what is counted: it moves with the entry and leaves `counted` alone. */
  note(entry: number, column: number, value: number): void {
    this.#doubles[this.#counters(entry) + column] = value;
  }

  /** All that was counted of an entry since it is tracked. */
  counted(entry: number): number {
    return this.#doubles[(entry * this.#stride + COUNTED) >> 1]!;
  }

  error(entry: number): number {
    return this.#doubles[(entry * this.#stride + ERROR) >> 1]!;
  }

  db(entry: number): number {
    return this.#words[entry * this.#stride + KEY_LENGTH_AND_DB]! >>> LENGTH_BITS;
  }

  /** The key's bytes: a view that is valid until the next change of the summary. */
  key(entry: number): Uint8Array {
    const record = entry * this.#stride;
    const start = this.#words[record + KEY_START]!;
    return this.#arena.subarray(start, start + (this.#words[record + KEY_LENGTH_AND_DB]! & LENGTH_MASK));
  }

  commandId(entry: number, place: number): number {
    return this.#bytes[4 * (entry * this.#stride + COMMAND_IDS) + place]!;
  }

  commandCount(entry: number, place: number): number {
    return this.#words[entry * this.#stride + COMMAND_COUNTS + place]!;
  }

  clearCommands(entry: number): void {
    const record = entry * this.#stride;
    this.#words.fill(0, record + COMMAND_IDS, record + COMMAND_COUNTS + COMMANDS_PER_ENTRY);
  }

  /** Keeps each access that was counted with probability 1/2: then it is as if only half had ever been sampled. */
  thin(coins: Coins): void {
    const doubles = this.#doubles;
    for (let entry = 0; entry < this.#size; entry++) {
      const record = entry * this.#stride;
      const counters = (record + HEAD_WORDS) >> 1;
      let counted = 0;
      for (let place = counters; place < counters + this.#columns; place++) {
        if (doubles[place] === 0) continue;
        doubles[place] = coins.heads(doubles[place]!);
        counted += doubles[place]!;
      }
      doubles[(record + COUNTED) >> 1] = counted;
      for (let place = record + COMMAND_COUNTS; place < record + COUNTED; place++) {
        this.#words[place] = coins.heads(this.#words[place]!);
      }
    }
  }

  /** Empties the summary for the next pane. */
  reset(): void {
    this.#table.fill(0);
    this.#words.fill(0, 0, this.#size * this.#stride);
    this.#size = 0;
    this.#arenaUsed = 0;
    this.#floor = 0;
    this.#purges = 0;
  }

  #counters(entry: number): number {
    return (Math.imul(entry, this.#stride) + HEAD_WORDS) >> 1;
  }

  #link(entry: number, hash: number): void {
    const table = this.#table;
    let place = hash >>> this.#shift;
    while (table[place] !== 0) place = (place + 1) & this.#mask;
    table[place] = entry + 1;
  }

  /** A small Space-Saving of its own: the rarest command gives its place, and its count, to a new one. */
  #countCommand(ids: number, counts: number, commandId: number, weight: number): void {
    let rarest = 0;
    for (let place = 1; place < COMMANDS_PER_ENTRY; place++) {
      const id = this.#bytes[ids + place]!;
      if (id === commandId || id === 0) {
        this.#bytes[ids + place] = commandId;
        this.#words[counts + place]! += weight;
        return;
      }
      if (this.#words[counts + place]! < this.#words[counts + rarest]!) rarest = place;
    }
    this.#bytes[ids + rarest] = commandId;
    this.#words[counts + rarest]! += weight;
  }

  #purge(): void {
    // What was taken back may lie below the floor, which vouches for the keys that left and must never sink.
    this.#floor = Math.max(this.#floor, this.#quantile());
    this.#purges++;
    this.#keepAbove(this.#floor);
  }

  /** The upper bound at the quantile down to which entries leave. */
  #quantile(): number {
    const size = this.#size;
    const uppers = this.#scratch;
    const steps = this.#steps.fill(0);
    for (let entry = 0; entry < size; entry++) {
      const upper = this.counted(entry) + this.error(entry);
      uppers[entry] = upper;
      // Below the floor lies what was taken back.
      const step = Math.max(0, upper - this.#floor);
      if (step < STEPS) steps[step]! += 1;
    }
    // Nearly always it lies just above the floor, and bounds are whole numbers: then counting them is enough.
    const rank = Math.floor((size - 1) * PURGE_QUANTILE);
    let below = 0;
    for (let step = 0; step < STEPS; step++) {
      below += steps[step]!;
      if (below > rank) return this.#floor + step;
    }
    return nthSmallest(uppers.subarray(0, size), rank);
  }

  #keepAbove(floor: number): void {
    const size = this.#size;
    this.#table.fill(0);
    this.#size = 0;
    this.#arenaUsed = 0;
    for (let entry = 0; entry < size; entry++) {
      if (this.counted(entry) + this.error(entry) > floor) this.#relocate(entry);
    }
    this.#words.fill(0, this.#size * this.#stride, size * this.#stride);
  }

  /** Entries only ever move towards the start, so records and keys are compacted in place. */
  #relocate(entry: number): void {
    const words = this.#words;
    const stride = this.#stride;
    const from = entry * stride;
    const to = this.#size * stride;
    const start = words[from + KEY_START]!;
    const length = words[from + KEY_LENGTH_AND_DB]! & LENGTH_MASK;
    copyKey(this.#keys, start, this.#keys, this.#arenaUsed, length);
    // A loop, for a call of `copyWithin` costs more than so few words.
    if (to !== from) for (let i = 0; i < stride; i++) words[to + i] = words[from + i]!;
    words[to + KEY_START] = this.#arenaUsed;
    this.#arenaUsed += length;
    this.#link(this.#size++, words[to + HASH]!);
  }
}

function tableBits(capacity: number): number {
  return Math.ceil(Math.log2(capacity * SLOTS_PER_ENTRY));
}

function recordWords(columns: number): number {
  return HEAD_WORDS + 2 * columns;
}

/** Memory of a summary's tables, without key bytes. */
export function sketchTableBytes(options: Pick<SketchOptions, "capacity" | "columns" | "notes">): number {
  const { capacity, columns, notes } = options;
  const tableBytes = 4 * 2 ** tableBits(capacity);
  const scratchBytes = 8 * capacity;
  return tableBytes + scratchBytes + 4 * recordWords(columns + notes) * capacity;
}
