const NAMES_MAX = 1000;
const NAME_CHARACTERS_MAX = 128;
const OTHER = "other";
/** Names are kept of entries with at least so many accesses, and this share of their part. */
const COUNT_MIN = 10;
const SHARE_MIN = 0.005;
const ROWS_MAX = 128;

/** Names with counts (commands, services) of some entries of a part: `places` a row, id 0 for an empty place. */
export interface NamedRows {
  readonly handles: Int32Array;
  readonly places: number;
  readonly ids: Uint16Array;
  readonly counts: Float64Array;
}

/** The columns of a part that hold names, as they came. */
export interface NamedColumns {
  readonly places: number;
  /** `places` an entry: index into `names` plus one, 0 for an empty place. */
  readonly ids: ArrayLike<number>;
  readonly counts: Float64Array;
  readonly names: readonly string[];
}

/** Gives each name a number, the same for all parts. What comes past the limit is called `other`. */
export class NameTable {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [""];

  id(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.#names.length > NAMES_MAX && name !== OTHER) return this.id(OTHER);
    if (name.length > NAME_CHARACTERS_MAX) return this.id(name.slice(0, NAME_CHARACTERS_MAX));
    const id = this.#names.push(name) - 1;
    this.#ids.set(name, id);
    return id;
  }

  name(id: number): string {
    return this.#names[id] ?? OTHER;
  }
}

/** The entries of a part whose names are kept: `rows[i]` is the entry, `handles[i]` its key. */
export interface NamedEntries {
  readonly rows: readonly number[];
  readonly handles: readonly number[];
}

/** Whether an entry with so many accesses, in a part with so many, keeps its names. */
export function keepsNames(count: number, partTotal: number): boolean {
  return count >= COUNT_MIN && count >= SHARE_MIN * partTotal;
}

/** The names of some entries of a part, their counts `scale` times. */
export function namedRowsOf(
  columns: NamedColumns,
  { rows, handles }: NamedEntries,
  table: NameTable,
  scale: number,
): NamedRows | null {
  const { places } = columns;
  const length = Math.min(rows.length, ROWS_MAX);
  if (length === 0) return null;
  const nameIds = columns.names.map((name) => table.id(name));
  const ids = new Uint16Array(length * places);
  const counts = new Float64Array(length * places);
  for (let i = 0; i < length; i++) {
    for (let place = 0; place < places; place++) {
      const from = rows[i]! * places + place;
      ids[i * places + place] = nameIds[columns.ids[from]! - 1] ?? 0;
      counts[i * places + place] = columns.counts[from]! * scale;
    }
  }
  return { handles: Int32Array.from(handles.slice(0, length)), places, ids, counts };
}

export function namedRowsBytes(rows: NamedRows | null): number {
  return rows === null ? 0 : rows.handles.byteLength + rows.ids.byteLength + rows.counts.byteLength;
}

/** Adds the names of one key to `sums`, by id. */
export function addNames(sums: Map<number, number>, rows: NamedRows, handle: number): void {
  const row = rows.handles.indexOf(handle);
  if (row < 0) return;
  const { places } = rows;
  for (let place = row * places; place < (row + 1) * places; place++) {
    const id = rows.ids[place]!;
    if (id !== 0) sums.set(id, (sums.get(id) ?? 0) + rows.counts[place]!);
  }
}
