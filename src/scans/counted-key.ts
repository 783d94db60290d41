import { type CountJson, countJson } from "../model/count-json.ts";
import type { Bounds } from "../model/heat.ts";
import { type ShownKey, showKey } from "../model/key.ts";
import { patternOf } from "../model/pattern.ts";

/** A key that was seen in use. */
export interface CountedKey extends ShownKey {
  readonly db: number;
  readonly target: string;
  readonly pattern: string;
  readonly count: CountJson;
  /** Its most frequent commands or events. */
  readonly commands: Readonly<Record<string, number>>;
}

/** `key`: in its kept form. */
export function countedKey(
  target: string,
  { db, key }: { readonly db: number; readonly key: Uint8Array },
  count: Bounds,
  commands: Readonly<Record<string, number>>,
): CountedKey {
  return { ...showKey(key), db, target, pattern: patternOf(key), count: countJson(count), commands };
}

/** What was surely seen, and what may have been; the estimate stands in the middle. `upper` null: not known. */
export function boundsOf(lower: number, upper: number | null): Bounds {
  const estimate = upper === null ? lower : lower + Math.floor((upper - lower) / 2);
  return { estimate, lower, upper, likely: null };
}

/** Most frequent first. */
export function commandCounts(
  commands: readonly (readonly [index: number, count: number])[],
  names: readonly string[],
): Record<string, number> {
  const counts = commands.flatMap(([index, count]) => {
    const name = names[index];
    return name === undefined ? [] : [[name, count] as const];
  });
  return Object.fromEntries(counts.sort(([, a], [, b]) => b - a));
}
