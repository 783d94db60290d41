import type { ShownKey } from "../../model/key.ts";
import { type Margin, NO_MARGIN } from "./sample-estimate.ts";

export interface LargestKey extends ShownKey {
  readonly db: number;
  readonly target: string;
}

/** What keys of one pattern, or of several, take. */
export interface PatternFigures {
  readonly keys: number;
  /** Keys that may belong to it beside these, since its earlier ones were counted elsewhere. */
  readonly lostKeysMax: number;
  /** The same in bytes. */
  readonly lostBytesMax: number;
  /** Keys whose bytes count in what follows. */
  readonly measured: number;
  /** Keys of types that are not measured; where keys were sampled, an estimate. */
  readonly unmeasured: number;
  /** Of all keys but the unmeasured ones: an estimate where there are more of them than `measured`. */
  readonly totalBytes: number;
  /** Sum of what was measured. */
  readonly sureBytes: number;
  /** Of the 95% interval around `totalBytes`; `null`: not known. */
  readonly margin: Margin | null;
  /** Of those that were measured. */
  readonly largestBytes: number | null;
  readonly largestKey: LargestKey | null;
}

export const NO_KEYS: PatternFigures = {
  keys: 0,
  lostKeysMax: 0,
  lostBytesMax: 0,
  measured: 0,
  unmeasured: 0,
  totalBytes: 0,
  sureBytes: 0,
  margin: NO_MARGIN,
  largestBytes: null,
  largestKey: null,
};

/** Figures of two disjoint sets of keys taken together, whatever else belongs to their patterns; their errors are independent. */
export function joined(a: PatternFigures, b: PatternFigures): PatternFigures {
  const larger = (b.largestBytes ?? -1) > (a.largestBytes ?? -1) ? b : a;
  return {
    keys: a.keys + b.keys,
    lostKeysMax: 0,
    lostBytesMax: 0,
    measured: a.measured + b.measured,
    unmeasured: a.unmeasured + b.unmeasured,
    totalBytes: a.totalBytes + b.totalBytes,
    sureBytes: a.sureBytes + b.sureBytes,
    margin: a.margin === null || b.margin === null ? null : joinedMargin(a.margin, b.margin),
    largestBytes: larger.largestBytes,
    largestKey: larger.largestKey,
  };
}

function joinedMargin(a: Margin, b: Margin): Margin {
  return { below: Math.hypot(a.below, b.below), above: Math.hypot(a.above, b.above) };
}
