import { COMMANDS_PER_ENTRY, type PaneEntries, type PanePart } from "../model/pane.ts";
import { coversSlot } from "../model/slot.ts";
import { viewOf } from "../panes/key-words.ts";
import type { Ledger } from "../runtime/accounting.ts";
import type { ByteBudget } from "../runtime/byte-budget.ts";
import { type ClientRows, clientRowsBytes, clientRowsOf } from "./client-rows.ts";
import { COLUMN_COUNT, EXCESS, MAYBE, MISS, READ, WRITE } from "./columns.ts";
import { KeyTable } from "./key-table.ts";
import {
  keepsBytes,
  keepsNames,
  type NamedEntries,
  type NamedRows,
  namedRowsBytes,
  namedRowsOf,
} from "./named-rows.ts";
import { type PartSampling, rangesOf, type StoredPart, scaleOf } from "./stored-part.ts";

const BYTES_PER_PART = 512;
/** Before a part is packed, its entries are charged a handle, three counts and a share of the commands. */
const BYTES_PER_ENTRY_PLANNED = 24;
const INT32_MAX = 2 ** 31 - 1;

export interface PartStoreOptions {
  readonly keys: KeyTable;
  readonly keyBudget: ByteBudget;
  readonly partBudget: ByteBudget;
  readonly entries: Ledger;
}

/**
 * Takes parts in: keys become handles, counts are packed. What a limit leaves no room for is left out at this door,
 * and the part's floor rises to the largest count left out, so its bounds stay true.
 */
export class PartStore {
  readonly #options: PartStoreOptions;
  /** Of the part stored last: the entry behind each row, and its handle. */
  #rows = new Int32Array(1024);
  #handles = new Int32Array(1024);
  #hashes = new Int32Array(1024);

  constructor(options: PartStoreOptions) {
    this.#options = options;
  }

  /** Whether even a part without entries has room. */
  get hasRoom(): boolean {
    return this.#options.partBudget.left >= BYTES_PER_PART;
  }

  store(part: PanePart): StoredPart {
    const { entries } = part;
    const found = this.#find(entries);
    const { length, leftOutMax } = found.fits ? this.#keepAll(entries) : this.#keepLargest(entries);
    this.#options.entries.receive(entries.length);
    this.#options.entries.keep(length);
    if (length < entries.length) this.#options.entries.drop("truncated", entries.length - length);
    return this.#pack(part, length, Math.max(part.floor, leftOutMax));
  }

  /** Which entry of the part stored last became row `row` of it. */
  rowEntry(row: number): number {
    return this.#rows[row]!;
  }

  /** Lets go of a part and its keys. `onFreed` hears of handles that nobody holds any more. */
  release(stored: StoredPart, onFreed: (handle: number) => void): void {
    for (let i = 0; i < stored.length; i++) {
      const handle = stored.data[i]!;
      if (this.#options.keys.release(handle)) onFreed(handle);
    }
    this.#options.partBudget.give(stored.bytes);
  }

  /** Looks all keys up, and whether the new ones and all entries have room. */
  #find(entries: PaneEntries): { fits: boolean } {
    const { keys, keyBudget } = this.#options;
    const { length, dbs, keyBytes, keyOffsets } = entries;
    if (this.#rows.length < length) this.#grow(length);
    const view = viewOf(keyBytes);
    let newBytes = 0;
    for (let i = 0; i < length; i++) {
      const start = keyOffsets[i]!;
      const end = keyOffsets[i + 1]!;
      const hash = keys.hash(dbs[i]!, view, start, end);
      const handle = keys.find(hash, dbs[i]!, view, start, end);
      this.#hashes[i] = hash;
      this.#handles[i] = handle;
      if (handle < 0) newBytes += KeyTable.costBytes(end - start);
    }
    return { fits: newBytes <= keyBudget.left && length <= this.#rowsMax() };
  }

  #grow(length: number): void {
    this.#rows = new Int32Array(length * 2);
    this.#handles = new Int32Array(length * 2);
    this.#hashes = new Int32Array(length * 2);
  }

  #rowsMax(): number {
    return Math.floor((this.#options.partBudget.left - BYTES_PER_PART) / BYTES_PER_ENTRY_PLANNED);
  }

  #keepAll(entries: PaneEntries): { length: number; leftOutMax: number } {
    for (let i = 0; i < entries.length; i++) {
      this.#holdEntry(entries, i);
      this.#rows[i] = i;
    }
    return { length: entries.length, leftOutMax: 0 };
  }

  #keepLargest(entries: PaneEntries): { length: number; leftOutMax: number } {
    const { keyBudget } = this.#options;
    const rowsMax = this.#rowsMax();
    const kept: number[] = [];
    let leftOutMax = 0;
    for (const entry of largestFirst(entries)) {
      const cost = KeyTable.costBytes(entries.keyOffsets[entry + 1]! - entries.keyOffsets[entry]!);
      if (kept.length < rowsMax && (this.#handles[entry]! >= 0 || cost <= keyBudget.left)) {
        this.#holdEntry(entries, entry);
        kept.push(entry);
      } else leftOutMax = Math.max(leftOutMax, upperOf(entries, entry));
    }
    const handles = kept.map((entry) => this.#handles[entry]!);
    this.#rows.set(kept);
    this.#handles.set(handles);
    return { length: kept.length, leftOutMax };
  }

  #holdEntry(entries: PaneEntries, entry: number): void {
    const { keys } = this.#options;
    let handle = this.#handles[entry]!;
    if (handle < 0) {
      const start = entries.keyOffsets[entry]!;
      const end = entries.keyOffsets[entry + 1]!;
      const hash = this.#hashes[entry]!;
      const db = entries.dbs[entry]!;
      // Looked up again: a careless agent may name one key twice in a part.
      handle = keys.find(hash, db, viewOf(entries.keyBytes), start, end);
      if (handle < 0) handle = keys.intern(hash, db, entries.keyBytes, start, end);
      this.#handles[entry] = handle;
    }
    keys.hold(handle);
  }

  #pack(part: PanePart, length: number, floor: number): StoredPart {
    const floorRanges = floor > 0 ? rangesOf(part) : null;
    const values = this.#values(part.entries, length, floor, floorRanges);
    const columns: number[] = [];
    let fitsInt32 = true;
    values.forEach((column, index) => {
      const largest = largestOf(column);
      if (largest > 0) columns.push(index);
      if (largest > INT32_MAX) fitsInt32 = false;
    });
    const dataLength = length * (1 + columns.length);
    const data = fitsInt32 ? new Int32Array(dataLength) : new Float64Array(dataLength);
    data.set(this.#handles.subarray(0, length));
    columns.forEach((column, index) => {
      data.set(values[column]!, (index + 1) * length);
    });
    const named = this.#namedEntries(part, length);
    const commands = this.#commands(part, named);
    const clients = this.#clients(part, named);
    const namesBytes = namedRowsBytes(commands) + clientRowsBytes(clients);
    const bytes = BYTES_PER_PART + data.byteLength + namesBytes;
    this.#options.partBudget.take(bytes);
    const sampling = this.#samplingOf(part, length);
    const load = Math.round((Math.max(part.total.read, part.total.miss) + part.total.write) * scaleOf(part));
    return { length, load, data, columns, floor, floorRanges, sampling, commands, clients, bytes };
  }

  #samplingOf(part: PanePart, length: number): PartSampling | null {
    const { probability, watchedShare } = part;
    if (probability === 1 && watchedShare === 1) return null;
    const ranges = rangesOf(part);
    const { keys } = this.#options;
    for (let row = 0; row < length; row++) {
      // A key that is where its slot says it should not (a migration) was sampled all the same.
      if (!coversSlot(ranges, keys.slot(this.#handles[row]!)))
        return { probability, watchedShare, ranges: null };
    }
    return { probability, watchedShare, ranges };
  }

  #values(
    entries: PaneEntries,
    length: number,
    floor: number,
    ranges: StoredPart["floorRanges"],
  ): readonly Float64Array[] {
    const { keys } = this.#options;
    const values = Array.from({ length: COLUMN_COUNT }, () => new Float64Array(length));
    for (let row = 0; row < length; row++) {
      const entry = this.#rows[row]!;
      values[READ]![row] = Math.max(entries.reads[entry]!, entries.misses[entry]!);
      values[WRITE]![row] = entries.writes[entry]!;
      values[MISS]![row] = entries.misses[entry]!;
      values[MAYBE]![row] = entries.maybes[entry]!;
      // A key may be where its slot says it should not (a migration): then no floor is counted, so none is taken off.
      const counted = floor > 0 && coversSlot(ranges, keys.slot(this.#handles[row]!)) ? floor : 0;
      values[EXCESS]![row] = entries.errors[entry]! - counted;
    }
    return values;
  }

  /** The entries worth more than their counts: also those that the clients' caches answer almost alone. */
  #namedEntries({ total, entries }: PanePart, length: number): NamedEntries {
    const partTotal = Math.max(total.read, total.miss) + total.write;
    const bytes = entries.clients?.bytes ?? null;
    const partBytes = bytes === null ? 0 : bytes.reduce((sum, one) => sum + one, 0);
    const rows: number[] = [];
    const handles: number[] = [];
    for (let row = 0; row < length; row++) {
      const entry = this.#rows[row]!;
      const isNamed = entries.commandIds[entry * COMMANDS_PER_ENTRY] !== 0 || entries.clients !== null;
      const demand = sureOf(entries, entry) + (entries.clients?.absorbed[entry] ?? 0);
      const isHeavy = bytes !== null && keepsBytes(bytes[entry]!, partBytes);
      if (!isNamed || !(isHeavy || keepsNames(demand, partTotal))) continue;
      rows.push(entry);
      handles.push(this.#handles[row]!);
    }
    return { rows, handles };
  }

  #commands(part: PanePart, named: NamedEntries): NamedRows | null {
    const { commandIds, commandCounts, commandNames } = part.entries;
    return namedRowsOf(
      { places: COMMANDS_PER_ENTRY, ids: commandIds, counts: commandCounts, names: commandNames },
      named,
      scaleOf(part),
    );
  }

  #clients(part: PanePart, named: NamedEntries): ClientRows | null {
    const { clients } = part.entries;
    return clients && clientRowsOf(clients, named, scaleOf(part));
  }
}

function largestFirst(entries: PaneEntries): readonly number[] {
  const order = Array.from({ length: entries.length }, (_, entry) => entry);
  return order.sort((a, b) => upperOf(entries, b) - upperOf(entries, a) || a - b);
}

function sureOf(entries: PaneEntries, entry: number): number {
  return Math.max(entries.reads[entry]!, entries.misses[entry]!) + entries.writes[entry]!;
}

function upperOf(entries: PaneEntries, entry: number): number {
  return sureOf(entries, entry) + entries.maybes[entry]! + entries.errors[entry]!;
}

function largestOf(column: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < column.length; i++) {
    const size = Math.abs(column[i]!);
    if (size > largest) largest = size;
  }
  return largest;
}
