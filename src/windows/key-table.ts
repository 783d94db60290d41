import { keptKeySlot } from "../model/key.ts";
import { isSameKey, type KeyHasher, viewOf } from "../panes/key-words.ts";
import type { ByteBudget } from "../runtime/byte-budget.ts";

/** Charged for each key beside its bytes: its place in the table and its columns. */
const BYTES_PER_KEY = 48;
const FIRST_HANDLES = 1024;
const FIRST_ARENA_BYTES = 64 * 1024;

/**
 * Gives each (database, kept key) of a cluster a dense integer, its handle, as long as anyone holds it.
 *
 * Open addressing over the bytes themselves, as in the sketch: a `Map` by string takes four times as long. Handles
 * are counted references: at zero the key leaves, and its handle is given to another key later.
 */
export class KeyTable {
  readonly #budget: ByteBudget;
  readonly #hasher: KeyHasher;
  /** Handle plus one by the upper bits of its hash; 0 is empty. Linear probing, never more than half full. */
  #table = new Int32Array(FIRST_HANDLES * 2);
  /** A hash less its lower bits is a place in the table. */
  #shift = shiftFor(FIRST_HANDLES * 2);
  #hashes = new Int32Array(FIRST_HANDLES);
  #dbs = new Int32Array(FIRST_HANDLES);
  #starts = new Uint32Array(FIRST_HANDLES);
  #lengths = new Uint16Array(FIRST_HANDLES);
  #slots = new Uint16Array(FIRST_HANDLES);
  #holders = new Int32Array(FIRST_HANDLES);
  #free: number[] = [];
  #arena = new Uint8Array(FIRST_ARENA_BYTES);
  #keys = viewOf(this.#arena);
  #arenaUsed = 0;
  #liveBytes = 0;
  #size = 0;
  #handleEnd = 0;

  constructor(budget: ByteBudget, hasher: KeyHasher) {
    this.#budget = budget;
    this.#hasher = hasher;
  }

  /** Keys held now. */
  get size(): number {
    return this.#size;
  }

  /** All handles ever given are below it. */
  get handleEnd(): number {
    return this.#handleEnd;
  }

  hash(db: number, bytes: DataView, start: number, end: number): number {
    return this.#hasher.hash(db, bytes, start, end);
  }

  /** The handle of a key, or -1. */
  find(hash: number, db: number, bytes: DataView, start: number, end: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    for (let place = hash >>> this.#shift; ; place = (place + 1) & mask) {
      const handle = table[place]! - 1;
      if (handle < 0) return -1;
      if (this.#hashes[handle] === hash && this.#isKey(handle, db, bytes, start, end)) return handle;
    }
  }

  /** What a new key of so many bytes takes from the budget. */
  static costBytes(keyLength: number): number {
    return keyLength + BYTES_PER_KEY;
  }

  /** A handle for a key that has none yet, held by nobody: call `hold` before anything is let go. */
  intern(hash: number, db: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if ((this.#size + 1) * 2 > this.#table.length) this.#growTable();
    const handle = this.#free.pop() ?? this.#nextHandle();
    if (this.#arenaUsed + length > this.#arena.length) this.#rebuildArena(length);
    this.#hashes[handle] = hash;
    this.#dbs[handle] = db;
    this.#starts[handle] = this.#arenaUsed;
    this.#lengths[handle] = length;
    this.#arena.set(bytes.subarray(start, end), this.#arenaUsed);
    this.#slots[handle] = keptKeySlot(this.#arena.subarray(this.#arenaUsed, this.#arenaUsed + length));
    this.#arenaUsed += length;
    this.#liveBytes += length;
    this.#size++;
    this.#budget.take(KeyTable.costBytes(length));
    this.#link(handle);
    return handle;
  }

  hold(handle: number): void {
    this.#holders[handle]! += 1;
  }

  /** Lets go of a handle. Whether that freed it. */
  release(handle: number): boolean {
    const holders = this.#holders[handle]! - 1;
    this.#holders[handle] = holders;
    if (holders > 0) return false;
    this.#remove(handle);
    return true;
  }

  isHeld(handle: number): boolean {
    return handle >= 0 && handle < this.#handleEnd && this.#holders[handle]! > 0;
  }

  db(handle: number): number {
    return this.#dbs[handle]!;
  }

  /** The kept form of the key: a copy. */
  key(handle: number): Uint8Array {
    const start = this.#starts[handle]!;
    return this.#arena.slice(start, start + this.#lengths[handle]!);
  }

  slot(handle: number): number {
    return this.#slots[handle]!;
  }

  /** Order of two keys, by database and bytes: negative, 0 or positive. */
  compare(a: number, b: number): number {
    const byDb = this.#dbs[a]! - this.#dbs[b]!;
    if (byDb !== 0) return byDb;
    const length = Math.min(this.#lengths[a]!, this.#lengths[b]!);
    const arena = this.#arena;
    const startA = this.#starts[a]!;
    const startB = this.#starts[b]!;
    for (let i = 0; i < length; i++) {
      const byByte = arena[startA + i]! - arena[startB + i]!;
      if (byByte !== 0) return byByte;
    }
    return this.#lengths[a]! - this.#lengths[b]!;
  }

  #isKey(handle: number, db: number, bytes: DataView, start: number, end: number): boolean {
    const length = end - start;
    if (this.#lengths[handle] !== length || this.#dbs[handle] !== db) return false;
    return isSameKey(this.#keys, this.#starts[handle]!, bytes, start, length);
  }

  #link(handle: number): void {
    const mask = this.#table.length - 1;
    let place = this.#hashes[handle]! >>> this.#shift;
    while (this.#table[place] !== 0) place = (place + 1) & mask;
    this.#table[place] = handle + 1;
  }

  #remove(handle: number): void {
    const length = this.#lengths[handle]!;
    this.#unlink(handle);
    this.#free.push(handle);
    this.#liveBytes -= length;
    this.#size--;
    this.#budget.give(KeyTable.costBytes(length));
    if (this.#size === 0) this.#forgetAll();
  }

  /** Closes the gap that a removed handle leaves in its probe chain (Knuth, TAOCP 3, 6.4, algorithm R). */
  #unlink(handle: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let gap = this.#hashes[handle]! >>> this.#shift;
    while (table[gap] !== handle + 1) gap = (gap + 1) & mask;
    for (let place = (gap + 1) & mask; table[place] !== 0; place = (place + 1) & mask) {
      const home = this.#hashes[table[place]! - 1]! >>> this.#shift;
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      table[gap] = table[place]!;
      gap = place;
    }
    table[gap] = 0;
  }

  /** An empty table gives back what a crowded time has made it grow to. */
  #forgetAll(): void {
    this.#free = [];
    this.#handleEnd = 0;
    this.#arenaUsed = 0;
    if (this.#arena.length > FIRST_ARENA_BYTES) this.#setArena(FIRST_ARENA_BYTES);
    if (this.#table.length > FIRST_HANDLES * 2) this.#setTable(FIRST_HANDLES * 2);
  }

  #nextHandle(): number {
    if (this.#handleEnd === this.#hashes.length) this.#growColumns(this.#handleEnd * 2);
    return this.#handleEnd++;
  }

  #growColumns(length: number): void {
    this.#hashes = grown(this.#hashes, new Int32Array(length));
    this.#dbs = grown(this.#dbs, new Int32Array(length));
    this.#starts = grown(this.#starts, new Uint32Array(length));
    this.#lengths = grown(this.#lengths, new Uint16Array(length));
    this.#slots = grown(this.#slots, new Uint16Array(length));
    this.#holders = grown(this.#holders, new Int32Array(length));
  }

  #growTable(): void {
    const old = this.#table;
    this.#setTable(old.length * 2);
    for (const place of old) if (place !== 0) this.#link(place - 1);
  }

  #setTable(length: number): void {
    this.#table = new Int32Array(length);
    this.#shift = shiftFor(length);
  }

  #setArena(bytes: number): void {
    this.#arena = new Uint8Array(bytes);
    this.#keys = viewOf(this.#arena);
  }

  /** Copies the live keys to an arena with as much room again: what freed keys left behind goes. */
  #rebuildArena(lengthNeeded: number): void {
    const old = this.#arena;
    this.#setArena(Math.max(FIRST_ARENA_BYTES, 2 * (this.#liveBytes + lengthNeeded)));
    this.#arenaUsed = 0;
    for (const place of this.#table) {
      if (place === 0) continue;
      const start = this.#starts[place - 1]!;
      const length = this.#lengths[place - 1]!;
      this.#arena.set(old.subarray(start, start + length), this.#arenaUsed);
      this.#starts[place - 1] = this.#arenaUsed;
      this.#arenaUsed += length;
    }
  }
}

/** `length`: a power of two. */
function shiftFor(length: number): number {
  return 32 - Math.log2(length);
}

function grown<T extends Int32Array | Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
