import { KeyHasher, viewOf } from "../../../src/panes/key-words.ts";
import { Sketch, sketchTableBytes } from "../../../src/panes/sketch.ts";

/** Counters of an entry; there is one note beside them. */
export const COLUMNS = 2;
const NOTES = 1;
export const hasher = new KeyHasher();

/** A small summary; all of them hash alike. */
export function makeSketch(capacity: number, arenaBytes = 64 * 1024): Sketch {
  const bytesMax = sketchTableBytes({ capacity, columns: COLUMNS, notes: NOTES }) + arenaBytes;
  return new Sketch({ capacity, bytesMax, columns: COLUMNS, notes: NOTES, hasher });
}

function keyOf(text: string): { keys: DataView; length: number } {
  const bytes = Buffer.from(text);
  return { keys: viewOf(bytes), length: bytes.length };
}

/** The entry of a key, or -1. */
export function entryOf(sketch: Sketch, text: string, db = 0): number {
  const { keys, length } = keyOf(text);
  return sketch.find(db, keys, 0, length);
}

/** Counts an access, of a key that is tracked from then on; returns its entry. */
export function hit(
  sketch: Sketch,
  text: string,
  { db = 0, column = 0, weight = 1, command = 0 } = {},
): number {
  const { keys, length } = keyOf(text);
  const found = sketch.find(db, keys, 0, length);
  const entry = found >= 0 ? found : sketch.enter(db, keys, 0, length);
  sketch.count(entry, column, weight, command);
  return entry;
}

/** What the summary says of a key, tracked or not. */
export function boundsOf(sketch: Sketch, text: string): { lower: number; upper: number } {
  const entry = entryOf(sketch, text);
  if (entry < 0) return { lower: 0, upper: sketch.floor };
  return { lower: sketch.counted(entry), upper: sketch.counted(entry) + sketch.error(entry) };
}
