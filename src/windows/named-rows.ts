const NAME_CHARACTERS_MAX = 128;
/** Memory of a name beside its characters, in bytes. */
const BYTES_PER_NAME = 32;
/** Names are kept of entries with at least so many accesses, and this share of their part. */
const COUNT_MIN = 10;
const SHARE_MIN = 0.005;
/** Likewise of entries with so many bytes, and this share of those of their part. */
const BYTES_MIN = 64 * 1024;
const BYTES_SHARE_MIN = 0.01;
const ROWS_MAX = 256;

/** Names with counts (commands, services) of some entries of a part: `places` a row, id 0 for an empty place. */
export interface NamedRows {
  readonly handles: Int32Array;
  readonly places: number;
  /** Index into `names` plus one. */
  readonly ids: Uint16Array;
  readonly counts: Float64Array;
  /** Those that the rows use. */
  readonly names: readonly string[];
}

/** The columns of a part that hold names, as they came. */
export interface NamedColumns {
  readonly places: number;
  /** `places` an entry: index into `names` plus one, 0 for an empty place. */
  readonly ids: ArrayLike<number>;
  readonly counts: Float64Array;
  readonly names: readonly string[];
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

/** The same for an entry with so many bytes: a large value is told of, however seldom it is read. */
export function keepsBytes(bytes: number, partBytes: number): boolean {
  return bytes >= BYTES_MIN && bytes >= BYTES_SHARE_MIN * partBytes;
}

/** The names of some entries of a part, their counts `scale` times. */
export function namedRowsOf(
  columns: NamedColumns,
  { rows, handles }: NamedEntries,
  scale: number,
): NamedRows | null {
  const { places } = columns;
  const length = Math.min(rows.length, ROWS_MAX);
  if (length === 0) return null;
  const used = new Map<string, number>();
  const ids = new Uint16Array(length * places);
  const counts = new Float64Array(length * places);
  for (let i = 0; i < length; i++) {
    for (let place = 0; place < places; place++) {
      const from = rows[i]! * places + place;
      const name = columns.names[columns.ids[from]! - 1];
      if (name === undefined) continue;
      ids[i * places + place] = idOf(used, name.slice(0, NAME_CHARACTERS_MAX));
      counts[i * places + place] = columns.counts[from]! * scale;
    }
  }
  return { handles: Int32Array.from(handles.slice(0, length)), places, ids, counts, names: [...used.keys()] };
}

function idOf(used: Map<string, number>, name: string): number {
  const known = used.get(name);
  if (known !== undefined) return known;
  used.set(name, used.size + 1);
  return used.size;
}

export function namedRowsBytes(rows: NamedRows | null): number {
  if (rows === null) return 0;
  const names = rows.names.reduce((sum, name) => sum + BYTES_PER_NAME + 2 * name.length, 0);
  return rows.handles.byteLength + rows.ids.byteLength + rows.counts.byteLength + names;
}

/** Adds the names of one key to `sums`. */
export function addNames(sums: Map<string, number>, rows: NamedRows, handle: number): void {
  const row = rows.handles.indexOf(handle);
  if (row < 0) return;
  const { places } = rows;
  for (let place = row * places; place < (row + 1) * places; place++) {
    const name = rows.names[rows.ids[place]! - 1];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + rows.counts[place]!);
  }
}
