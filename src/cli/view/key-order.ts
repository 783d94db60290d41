import type { KeyRow } from "./scene.ts";

/** What keys can be ranked by; the keyboard goes through them in this order. */
export const SORTS = ["total", "read", "write", "miss", "share", "current"] as const;
export type Sort = (typeof SORTS)[number];

const VALUES: Readonly<Record<Sort, (row: KeyRow) => number | null>> = {
  total: ({ ratePerSecond }) => ratePerSecond,
  read: ({ mix }) => mix.read,
  write: ({ mix }) => mix.write,
  miss: ({ mix }) => mix.miss,
  share: ({ share }) => share,
  current: ({ currentPerSecond }) => currentPerSecond,
};

/** Below everything that is known, in either order. */
const UNKNOWN = -Number.MAX_VALUE;

/** Which keys are shown, and in which order. */
export interface Selection {
  /** Text that the key or its pattern has to have in it, in whatever case; empty: any. */
  readonly filter: string;
  readonly sort: Sort;
  /** The least first. */
  readonly isReversed: boolean;
  readonly keysMax: number;
}

/** How many keys are shown unless told otherwise. */
export const KEYS_SHOWN = 50;

/** Every key, hottest first. */
export const ALL_KEYS: Selection = {
  filter: "",
  sort: "total",
  isReversed: false,
  keysMax: KEYS_SHOWN,
};

/** Keys of one rank stay in the order of their heat; those of which it is not known come last, either way round. Pure. */
export function selectKeys(keys: readonly KeyRow[], selection: Selection): readonly KeyRow[] {
  const { filter, sort, isReversed, keysMax } = selection;
  const wanted = filter.toLowerCase();
  const value = VALUES[sort];
  const sign = isReversed ? -1 : 1;
  const place = (row: KeyRow) => {
    const known = value(row);
    return known === null ? UNKNOWN : sign * known;
  };
  return keys
    .filter((row) => wanted === "" || hasText(row, wanted))
    .toSorted((one, other) => place(other) - place(one) || one.rank - other.rank)
    .slice(0, keysMax);
}

function hasText({ label, text, pattern }: KeyRow, wanted: string): boolean {
  return [label, text, pattern].some((one) => one.toLowerCase().includes(wanted));
}

/** The API knows no other order than that by all accesses: anything else is chosen from so many. */
export const KEYS_ASKED_MAX = 1000;

/** How many of the hottest keys have to be asked for. */
export function keysToAsk({ filter, sort, isReversed, keysMax }: Selection): number {
  return filter === "" && sort === "total" && !isReversed ? keysMax : KEYS_ASKED_MAX;
}
