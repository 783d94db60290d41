import { READ_COLUMN, rowOf, WRITE_COLUMN } from "../../panes/columns.ts";
import type { EntryRow } from "../../panes/entries.ts";
import { KeyHasher } from "../../panes/key-words.ts";
import { Sketch } from "../../panes/sketch.ts";
import type { KeyKind } from "../../redis/command-keys.ts";
import type { AccessSink } from "./monitor-decoder.ts";

/** The error of a count is at most the accesses divided by half of this. */
const KEYS_MAX = 16_384;
const BYTES_MAX = 8 * 2 ** 20;
const COMMAND_NAMES_MAX = 255;
/** Reads, writes and, as everywhere, misses: MONITOR does not tell them. */
const COLUMNS = 3;

/** Counts what commands did to the keys of one server, with bounds, in memory that does not grow. */
export class MonitorTally implements AccessSink {
  reads = 0;
  writes = 0;
  readonly #sketch = new Sketch({
    capacity: KEYS_MAX,
    bytesMax: BYTES_MAX,
    columns: COLUMNS,
    notes: 0,
    hasher: new KeyHasher(),
  });
  readonly #commandIds = new Map<string, number>();

  get accesses(): number {
    return this.reads + this.writes;
  }

  get commandNames(): readonly string[] {
    return [...this.#commandIds.keys()];
  }

  access(db: number, command: string, kind: KeyKind, keys: DataView, start: number, end: number): void {
    const found = this.#sketch.find(db, keys, start, end);
    const entry = found >= 0 ? found : this.#sketch.enter(db, keys, start, end);
    this.#sketch.count(entry, kind === "read" ? READ_COLUMN : WRITE_COLUMN, 1, this.#idOf(command));
    if (kind === "read") this.reads++;
    else this.writes++;
  }

  /** The keys; their bytes are views into the summary. */
  *rows(): Generator<EntryRow> {
    for (let entry = 0; entry < this.#sketch.size; entry++) {
      const error = this.#sketch.error(entry);
      yield rowOf(this.#sketch, entry, { write: 0, miss: 0, maybe: 0, error, currentPerSecond: 0 });
    }
  }

  /** From 1 on; 0 where there are more names than ids. */
  #idOf(command: string): number {
    const known = this.#commandIds.get(command);
    if (known !== undefined) return known;
    if (this.#commandIds.size >= COMMAND_NAMES_MAX) return 0;
    this.#commandIds.set(command, this.#commandIds.size + 1);
    return this.#commandIds.size;
  }
}
