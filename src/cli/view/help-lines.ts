import { cutEnd } from "./display-text.ts";
import type { Paint } from "./paint.ts";

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["Up Down  j k", "point at a key"],
  ["PgUp PgDn Home End", "move further"],
  ["Enter", "look into the key"],
  ["/", "show only keys with a text: in the key or its pattern"],
  ["Esc", "leave the key, the filter, the pointer"],
  ["s  S", "sort by the next, the previous column"],
  ["r", "reverse the order"],
  ["p  Space", "pause, go on"],
  ["?", "this help"],
  ["q  Ctrl-C", "quit"],
];

const COLUMNS: readonly (readonly [head: string, what: string])[] = [
  ["#", "place by all accesses, whatever the table is sorted by"],
  ["TOTAL/S", "reads and writes a second over the window; a miss is a read"],
  ["TREND", "the last seconds, each key against its own highest"],
  ["±BOUND", "how far off the rate may be; no max: no upper bound is known"],
  ["SHARE", "share of the accesses of the key's node"],
  ["VANTAGE", "where the numbers come from"],
  ["INCIDENT", "what its incident does, if a rule has one open"],
];

const LABEL_COLUMNS = 20;

/** What the keys of the keyboard do, and what the columns say. Pure. */
export function helpLines(columns: number, paint: Paint): string[] {
  const line = ([label, what]: readonly [string, string]) =>
    cutEnd(`  ${label.padEnd(LABEL_COLUMNS)}${what}`, columns);
  return [
    paint.bold("KEYS"),
    ...KEYS.map(line),
    "",
    paint.bold("COLUMNS"),
    ...COLUMNS.map(line),
    "",
    paint.dim(cutEnd("Any key goes back.", columns)),
  ];
}
