import { keep, type ShownKey, showKey } from "../../model/key.ts";
import type { MeasuredKey } from "../measure-keys.ts";

/** Keys of one type. */
export interface TypeFigures {
  readonly type: string;
  readonly keys: number;
  /** Those whose bytes are known: the following is of them. */
  readonly measured: number;
  readonly totalBytes: number;
  readonly largestBytes: number | null;
  readonly largestKey: (ShownKey & { readonly db: number; readonly target: string }) | null;
}

/** Modules may bring more types than anybody has. */
const TYPES_MAX = 100;
const OTHER_TYPES = "other";

/** Counts keys by their type. */
export class TypeTally {
  readonly #types = new Map<string, TypeFigures>();

  add({ key, type, bytes }: MeasuredKey, place: { readonly db: number; readonly target: string }): void {
    const name = this.#types.has(type) || this.#types.size < TYPES_MAX ? type : OTHER_TYPES;
    const known = this.#types.get(name) ?? noneOf(name);
    const isLargest = bytes !== null && bytes > (known.largestBytes ?? -1);
    this.#types.set(name, {
      type: name,
      keys: known.keys + 1,
      measured: known.measured + (bytes === null ? 0 : 1),
      totalBytes: known.totalBytes + (bytes ?? 0),
      largestBytes: isLargest ? bytes : known.largestBytes,
      largestKey: isLargest ? { ...showKey(keep(key)), ...place } : known.largestKey,
    });
  }

  /** Most bytes first. */
  figures(): TypeFigures[] {
    return Array.from(this.#types.values()).sort((a, b) => b.totalBytes - a.totalBytes || b.keys - a.keys);
  }
}

function noneOf(type: string): TypeFigures {
  return { type, keys: 0, measured: 0, totalBytes: 0, largestBytes: null, largestKey: null };
}
