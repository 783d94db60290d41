import type { Bounds } from "./heat.ts";

/** A count as the API, the stream and webhooks show it; `likely` only where sampled counts speak. */
export interface CountJson {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number | null;
  readonly likely?: { readonly lower: number; readonly upper: number | null };
}

/** In whole accesses, rounded outwards. */
export function countJson({ estimate, lower, upper, likely }: Bounds): CountJson {
  const count = { estimate: Math.round(estimate), ...roundedOutwards(lower, upper) };
  return likely === null ? count : { ...count, likely: roundedOutwards(likely.lower, likely.upper) };
}

function roundedOutwards(lower: number, upper: number | null) {
  return { lower: Math.floor(lower), upper: upper === null ? null : Math.ceil(upper) };
}
