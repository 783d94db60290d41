import { nthSmallest } from "../panes/nth-smallest.ts";
import type { AccessKind } from "./access-kind.ts";
import type { Place, Tally } from "./observer.ts";
import { TallyRow } from "./tally-row.ts";

/** Longer keys are not counted: a batch must hold them whole. */
export const KEY_LENGTH_MAX = 64 * 1024;
const ROWS_MAX = 2048;
const KEY_CHARACTERS_MAX = 1024 * 1024;
/** Clients make a new `Place` when they connect anew. */
const PLACES_KNOWN_MAX = 1024;

export type TallyDrop = "too-many-keys" | "key-too-long";

export interface TallyListener {
  /** A row was made where there was none. */
  onFirstRow(): void;
  /** Accesses, as counted, that are told of no more. */
  onDropped(reason: TallyDrop, accesses: number): void;
}

interface PlaceRows {
  readonly place: Place;
  readonly texts: Map<string, TallyRow>;
  /** By their bytes as latin1: no text is mistaken for other bytes. */
  readonly binaries: Map<string, TallyRow>;
}

/**
 * Accesses by place and key, all kept with one probability, until they are drained.
 *
 * Memory: at most 2,048 rows and 1 MiB of keys. When full, the half that was counted least leaves, so what a row says is
 * a lower bound.
 */
export class KeyTally implements Tally {
  readonly probability: number;
  /** Accesses counted so far, of all rows there ever were. */
  counted = 0;
  readonly #listener: TallyListener;
  readonly #byTarget = new Map<string, PlaceRows>();
  readonly #byPlace = new Map<Place, PlaceRows>();
  #lastPlace: Place | null = null;
  #lastRows: PlaceRows = { place: { target: null, db: 0 }, texts: new Map(), binaries: new Map() };
  #size = 0;
  #keyCharacters = 0;

  constructor(probability: number, listener: TallyListener) {
    this.probability = probability;
    this.#listener = listener;
  }

  get size(): number {
    return this.#size;
  }

  add(place: Place, key: string | Uint8Array, access: Parameters<Tally["add"]>[2]): void {
    const row = this.#row(place, key);
    const weight = access.weight ?? 1;
    this.counted += weight;
    if (row === null) {
      this.#listener.onDropped("key-too-long", weight);
      return;
    }
    if (access.kind === "write") row.writes += weight;
    else {
      row.reads += weight;
      if (access.isMiss) row.misses += weight;
    }
    row.bytes += access.bytes;
    row.countCommand(access.command, weight);
  }

  /** Counts what no command told. */
  record(place: Place, key: string | Uint8Array, kind: AccessKind, weight: number): void {
    const row = this.#row(place, key);
    this.counted += weight;
    if (row === null) this.#listener.onDropped("key-too-long", weight);
    else if (kind === "write") row.writes += weight;
    else if (kind === "absorbed") row.absorbed += weight;
    else {
      row.reads += weight;
      if (kind === "miss") row.misses += weight;
    }
  }

  *rows(): Iterable<TallyRow> {
    for (const { texts, binaries } of this.#byTarget.values()) {
      yield* texts.values();
      yield* binaries.values();
    }
  }

  /** Takes all rows out. */
  drain(): TallyRow[] {
    const rows = [...this.rows()];
    this.#byTarget.clear();
    this.#byPlace.clear();
    this.#lastPlace = null;
    this.#size = 0;
    this.#keyCharacters = 0;
    return rows;
  }

  /** Takes one row out: its key goes on from 0. */
  remove(row: TallyRow): void {
    const rows = this.#byTarget.get(nameOf(row.place));
    if (rows === undefined || !(row.isBinary ? rows.binaries : rows.texts).delete(row.key)) return;
    this.#size--;
    this.#keyCharacters -= row.key.length;
  }

  #row(place: Place, key: string | Uint8Array): TallyRow | null {
    const rows = place === this.#lastPlace ? this.#lastRows : this.#rowsOf(place);
    if (typeof key === "string") {
      return rows.texts.get(key) ?? this.#newRow(rows, rows.texts, key, false);
    }
    if (key.length > KEY_LENGTH_MAX) return null;
    const text = latin1(key);
    return rows.binaries.get(text) ?? this.#newRow(rows, rows.binaries, text, true);
  }

  #newRow(rows: PlaceRows, map: Map<string, TallyRow>, key: string, isBinary: boolean): TallyRow | null {
    if (key.length > KEY_LENGTH_MAX) return null;
    if (this.#size >= ROWS_MAX) this.#halve();
    while (this.#size > 0 && this.#keyCharacters + key.length > KEY_CHARACTERS_MAX) this.#halve();
    const row = new TallyRow(rows.place, key, isBinary);
    map.set(key, row);
    this.#keyCharacters += key.length;
    if (this.#size++ === 0) this.#listener.onFirstRow();
    return row;
  }

  #rowsOf(place: Place): PlaceRows {
    let rows = this.#byPlace.get(place);
    if (rows === undefined) {
      rows = this.#enter(place);
      if (this.#byPlace.size >= PLACES_KNOWN_MAX) this.#byPlace.clear();
      this.#byPlace.set(place, rows);
    }
    this.#lastPlace = place;
    this.#lastRows = rows;
    return rows;
  }

  #enter(place: Place): PlaceRows {
    const name = nameOf(place);
    let rows = this.#byTarget.get(name);
    if (rows === undefined) {
      rows = { place, texts: new Map(), binaries: new Map() };
      this.#byTarget.set(name, rows);
    }
    return rows;
  }

  /** The half that was counted least leaves; of those counted alike, the older ones. */
  #halve(): void {
    const rows = [...this.rows()];
    const middle = nthSmallest(
      Float64Array.from(rows, ({ weight }) => weight),
      (rows.length - 1) >> 1,
    );
    let leaving = Math.ceil(rows.length / 2);
    let dropped = 0;
    const leave = (row: TallyRow) => {
      this.remove(row);
      dropped += row.weight;
      leaving--;
    };
    for (const row of rows) if (row.weight < middle) leave(row);
    for (const row of rows) if (leaving > 0 && row.weight === middle) leave(row);
    this.#listener.onDropped("too-many-keys", dropped);
  }
}

function nameOf({ target, db }: Place): string {
  return `${db} ${target ?? ""}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
