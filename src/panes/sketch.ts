import { hashKey } from "../model/key-hash.ts";
import { COMMANDS_PER_ENTRY } from "../model/pane.ts";

/** Entries are evicted down to this quantile of their counts when the summary is full. */
const PURGE_QUANTILE = 0.5;
const SLOTS_PER_ENTRY = 4;

export interface SketchOptions {
  /** How many keys are tracked at most. */
  readonly capacity: number;
  /** Limit of all memory of the summary, in bytes: tables and key bytes. */
  readonly bytesMax: number;
  /** How many counters an entry has. */
  readonly columns: number;
  /** Against hash flooding: differs between processes. */
  readonly seed: number;
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
  readonly columns: number;
  readonly #capacity: number;
  readonly #seed: number;
  readonly #tableMask: number;
  /** Entry index plus one by hash; 0 is empty. Linear probing. */
  readonly #table: Int32Array;
  readonly #hashes: Int32Array;
  readonly #dbs: Int32Array;
  readonly #keyStarts: Uint32Array;
  readonly #keyLengths: Uint32Array;
  readonly #counts: Float64Array;
  readonly #counted: Float64Array;
  readonly #errors: Float64Array;
  readonly #commandIds: Uint8Array;
  readonly #commandCounts: Uint32Array;
  readonly #scratch: Float64Array;
  readonly #arena: Uint8Array;
  #arenaUsed = 0;
  #size = 0;
  #floor = 0;
  #purges = 0;

  constructor({ capacity, bytesMax, columns, seed }: SketchOptions) {
    if (!Number.isInteger(capacity) || capacity < 2)
      throw new RangeError(`capacity must be at least 2, got ${capacity}`);
    this.columns = columns;
    this.#capacity = capacity;
    this.#seed = seed | 0;
    const tableSize = 2 ** Math.ceil(Math.log2(capacity * SLOTS_PER_ENTRY));
    this.#tableMask = tableSize - 1;
    this.#table = new Int32Array(tableSize);
    this.#hashes = new Int32Array(capacity);
    this.#dbs = new Int32Array(capacity);
    this.#keyStarts = new Uint32Array(capacity);
    this.#keyLengths = new Uint32Array(capacity);
    this.#counts = new Float64Array(capacity * columns);
    this.#counted = new Float64Array(capacity);
    this.#errors = new Float64Array(capacity);
    this.#commandIds = new Uint8Array(capacity * COMMANDS_PER_ENTRY);
    this.#commandCounts = new Uint32Array(capacity * COMMANDS_PER_ENTRY);
    this.#scratch = new Float64Array(capacity);
    const arenaBytes = bytesMax - sketchTableBytes({ capacity, columns });
    if (arenaBytes < MIN_ARENA_BYTES) throw new RangeError(`bytesMax leaves ${arenaBytes} bytes for keys`);
    this.#arena = new Uint8Array(arenaBytes);
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

  /** Seeded hash of a key: also for others who need one of the same event. */
  hash(db: number, bytes: Uint8Array, start: number, end: number): number {
    return hashKey(this.#seed ^ db, bytes, start, end);
  }

  /** The entry of a key, or -1. */
  find(hash: number, db: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    for (let place = hash & this.#tableMask; ; place = (place + 1) & this.#tableMask) {
      const entry = this.#table[place]! - 1;
      if (entry < 0) return -1;
      if (this.#hashes[entry] !== hash || this.#keyLengths[entry] !== length || this.#dbs[entry] !== db)
        continue;
      if (this.#hasKey(entry, bytes, start, length)) return entry;
    }
  }

  /**
   * The entry of the key `bytes[start, end)` in database `db`, tracked from now on if it was not.
   *
   * May purge: entry numbers from before are void then. At most 1,034 bytes (the kept form of a key).
   */
  enter(hash: number, db: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    while (this.#size === this.#capacity || this.#arenaUsed + length > this.#arena.length) this.#purge();
    const entry = this.#size++;
    this.#hashes[entry] = hash;
    this.#dbs[entry] = db;
    this.#keyStarts[entry] = this.#arenaUsed;
    this.#keyLengths[entry] = length;
    this.#errors[entry] = this.#floor;
    this.#arena.set(bytes.subarray(start, end), this.#arenaUsed);
    this.#arenaUsed += length;
    this.#link(entry);
    return entry;
  }

  /** Counts `weight` in `column` of a tracked entry, and under the command `commandId` (1..255; 0: none). */
  count(entry: number, column: number, weight: number, commandId: number): void {
    this.#counts[entry * this.columns + column]! += weight;
    this.#counted[entry]! += weight;
    if (commandId !== 0) this.#countCommand(entry * COMMANDS_PER_ENTRY, commandId, weight);
  }

  /** Moves `weight` from one column of an entry to another. False where there is not so much to move. */
  move(entry: number, from: number, to: number, weight: number): boolean {
    const base = entry * this.columns;
    if (this.#counts[base + from]! < weight) return false;
    this.#counts[base + from]! -= weight;
    this.#counts[base + to]! += weight;
    return true;
  }

  /** Takes off `weight` that was counted but should not have been. False where there is not so much. */
  takeBack(entry: number, column: number, weight: number): boolean {
    const place = entry * this.columns + column;
    if (this.#counts[place]! < weight) return false;
    this.#counts[place]! -= weight;
    this.#counted[entry]! -= weight;
    return true;
  }

  counter(entry: number, column: number): number {
    return this.#counts[entry * this.columns + column]!;
  }

  /** Notes a number in a column beside what is counted: it moves with the entry and leaves `counted` alone. */
  note(entry: number, column: number, value: number): void {
    this.#counts[entry * this.columns + column] = value;
  }

  /** All that was counted of an entry since it is tracked. */
  counted(entry: number): number {
    return this.#counted[entry]!;
  }

  error(entry: number): number {
    return this.#errors[entry]!;
  }

  db(entry: number): number {
    return this.#dbs[entry]!;
  }

  /** The key's bytes: a view that is valid until the next change of the summary. */
  key(entry: number): Uint8Array {
    const start = this.#keyStarts[entry]!;
    return this.#arena.subarray(start, start + this.#keyLengths[entry]!);
  }

  commandId(entry: number, place: number): number {
    return this.#commandIds[entry * COMMANDS_PER_ENTRY + place]!;
  }

  commandCount(entry: number, place: number): number {
    return this.#commandCounts[entry * COMMANDS_PER_ENTRY + place]!;
  }

  clearCommands(entry: number): void {
    const base = entry * COMMANDS_PER_ENTRY;
    this.#commandIds.fill(0, base, base + COMMANDS_PER_ENTRY);
    this.#commandCounts.fill(0, base, base + COMMANDS_PER_ENTRY);
  }

  /** Empties the summary for the next pane. */
  reset(): void {
    this.#table.fill(0);
    this.#counts.fill(0, 0, this.#size * this.columns);
    this.#counted.fill(0, 0, this.#size);
    this.#commandIds.fill(0, 0, this.#size * COMMANDS_PER_ENTRY);
    this.#commandCounts.fill(0, 0, this.#size * COMMANDS_PER_ENTRY);
    this.#size = 0;
    this.#arenaUsed = 0;
    this.#floor = 0;
    this.#purges = 0;
  }

  #hasKey(entry: number, bytes: Uint8Array, start: number, length: number): boolean {
    const arena = this.#arena;
    const at = this.#keyStarts[entry]!;
    for (let i = 0; i < length; i++) if (arena[at + i] !== bytes[start + i]) return false;
    return true;
  }

  #link(entry: number): void {
    let place = this.#hashes[entry]! & this.#tableMask;
    while (this.#table[place] !== 0) place = (place + 1) & this.#tableMask;
    this.#table[place] = entry + 1;
  }

  /** A small Space-Saving of its own: the rarest command gives its place, and its count, to a new one. */
  #countCommand(base: number, commandId: number, weight: number): void {
    const ids = this.#commandIds;
    const counts = this.#commandCounts;
    let rarest = base;
    for (let place = base; place < base + COMMANDS_PER_ENTRY; place++) {
      if (ids[place] === commandId || ids[place] === 0) {
        ids[place] = commandId;
        counts[place]! += weight;
        return;
      }
      if (counts[place]! < counts[rarest]!) rarest = place;
    }
    ids[rarest] = commandId;
    counts[rarest]! += weight;
  }

  #purge(): void {
    const size = this.#size;
    const scratch = this.#scratch.subarray(0, size);
    for (let entry = 0; entry < size; entry++) scratch[entry] = this.#counted[entry]! + this.#errors[entry]!;
    scratch.sort();
    // What was taken back may lie below the floor, which vouches for the keys that left and must never sink.
    this.#floor = Math.max(this.#floor, scratch[Math.floor((size - 1) * PURGE_QUANTILE)]!);
    this.#purges++;
    this.#keepAbove(this.#floor);
  }

  #keepAbove(floor: number): void {
    const size = this.#size;
    this.#table.fill(0);
    this.#size = 0;
    this.#arenaUsed = 0;
    for (let entry = 0; entry < size; entry++) {
      if (this.#counted[entry]! + this.#errors[entry]! > floor) this.#relocate(entry);
    }
    this.#counts.fill(0, this.#size * this.columns, size * this.columns);
    this.#counted.fill(0, this.#size, size);
    this.#commandIds.fill(0, this.#size * COMMANDS_PER_ENTRY, size * COMMANDS_PER_ENTRY);
    this.#commandCounts.fill(0, this.#size * COMMANDS_PER_ENTRY, size * COMMANDS_PER_ENTRY);
  }

  /** Entries only ever move towards the start, so each column can be compacted in place. */
  #relocate(from: number): void {
    const to = this.#size++;
    const start = this.#keyStarts[from]!;
    const length = this.#keyLengths[from]!;
    this.#arena.copyWithin(this.#arenaUsed, start, start + length);
    this.#keyStarts[to] = this.#arenaUsed;
    this.#keyLengths[to] = length;
    this.#arenaUsed += length;
    if (to !== from) this.#copyColumns(from, to);
    this.#link(to);
  }

  #copyColumns(from: number, to: number): void {
    this.#hashes[to] = this.#hashes[from]!;
    this.#dbs[to] = this.#dbs[from]!;
    this.#counted[to] = this.#counted[from]!;
    this.#errors[to] = this.#errors[from]!;
    this.#counts.copyWithin(to * this.columns, from * this.columns, (from + 1) * this.columns);
    const commands = from * COMMANDS_PER_ENTRY;
    this.#commandIds.copyWithin(to * COMMANDS_PER_ENTRY, commands, commands + COMMANDS_PER_ENTRY);
    this.#commandCounts.copyWithin(to * COMMANDS_PER_ENTRY, commands, commands + COMMANDS_PER_ENTRY);
  }
}

/** Room for at least two of the longest keys, else no purge could make place for one. */
const MIN_ARENA_BYTES = 4096;

/** Memory of a summary's tables, without key bytes. */
export function sketchTableBytes({ capacity, columns }: { capacity: number; columns: number }): number {
  const tableBytes = 4 * 2 ** Math.ceil(Math.log2(capacity * SLOTS_PER_ENTRY));
  const bytesPerEntry = 4 * 4 + 3 * 8 + columns * 8 + COMMANDS_PER_ENTRY * 5;
  return tableBytes + capacity * bytesPerEntry;
}
