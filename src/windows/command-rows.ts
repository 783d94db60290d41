import { COMMANDS_PER_ENTRY, type PaneEntries } from "../model/pane.ts";

const NAMES_MAX = 1000;
const NAME_CHARACTERS_MAX = 64;
const OTHER = "other";
/** Commands are kept of entries with at least so many accesses, and this share of their part. */
const COUNT_MIN = 10;
const SHARE_MIN = 0.005;
const ROWS_MAX = 128;

/** Commands of the hotter entries of a part: `COMMANDS_PER_ENTRY` places a row, id 0 for an empty one. */
export interface CommandRows {
  readonly handles: Int32Array;
  readonly ids: Uint16Array;
  readonly counts: Float64Array;
}

/** Gives each command name a number, the same for all parts. What comes past the limit is called `other`. */
export class CommandNames {
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

/** Whether an entry with so many accesses, in a part with so many, keeps its commands. */
export function keepsCommands(count: number, partTotal: number): boolean {
  return count >= COUNT_MIN && count >= SHARE_MIN * partTotal;
}

/** The commands of the entries `rows` of a part, `scale` times; `handles[i]` is the key of `rows[i]`. */
export function commandRowsOf(
  entries: PaneEntries,
  rows: readonly number[],
  handles: readonly number[],
  names: CommandNames,
  scale: number,
): CommandRows | null {
  const length = Math.min(rows.length, ROWS_MAX);
  if (length === 0) return null;
  const nameIds = entries.commandNames.map((name) => names.id(name));
  const ids = new Uint16Array(length * COMMANDS_PER_ENTRY);
  const counts = new Float64Array(length * COMMANDS_PER_ENTRY);
  for (let i = 0; i < length; i++) {
    for (let place = 0; place < COMMANDS_PER_ENTRY; place++) {
      const from = rows[i]! * COMMANDS_PER_ENTRY + place;
      ids[i * COMMANDS_PER_ENTRY + place] = nameIds[entries.commandIds[from]! - 1] ?? 0;
      counts[i * COMMANDS_PER_ENTRY + place] = entries.commandCounts[from]! * scale;
    }
  }
  return { handles: Int32Array.from(handles.slice(0, length)), ids, counts };
}

export function commandRowsBytes(rows: CommandRows | null): number {
  return rows === null ? 0 : rows.handles.byteLength + rows.ids.byteLength + rows.counts.byteLength;
}

/** Adds the commands of one key to `sums`, by id. */
export function addCommands(sums: Map<number, number>, rows: CommandRows, handle: number): void {
  const row = rows.handles.indexOf(handle);
  if (row < 0) return;
  for (let place = row * COMMANDS_PER_ENTRY; place < (row + 1) * COMMANDS_PER_ENTRY; place++) {
    const id = rows.ids[place]!;
    if (id !== 0) sums.set(id, (sums.get(id) ?? 0) + rows.counts[place]!);
  }
}
