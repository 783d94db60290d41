import type { PaneTotals } from "../model/pane.ts";

/** An interval for which panes have come. Always the same object for the same interval of a cluster. */
export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
  /** What each target did in it, as the server says: once a target, whatever agents and vantages there are. */
  readonly totals: Map<string, PaneTotals>;
}

/**
 * Notes a target's totals, what was observed `scale` times. Whoever counted more is nearer to the truth: agents may
 * have polled it more than once.
 */
export function noteTotals(interval: Interval, target: string, given: PaneTotals, scale: number): void {
  const { read, write, miss } = given.observed;
  const observed = { read: read * scale, write: write * scale, miss: miss * scale };
  const totals = { ...given, observed };
  const known = interval.totals.get(target);
  interval.totals.set(target, known ? largerTotals(known, totals) : totals);
}

function largerTotals(a: PaneTotals, b: PaneTotals): PaneTotals {
  return {
    observed: {
      read: Math.max(a.observed.read, b.observed.read),
      write: Math.max(a.observed.write, b.observed.write),
      miss: Math.max(a.observed.miss, b.observed.miss),
    },
    ran: { read: largerKnown(a.ran.read, b.ran.read), write: largerKnown(a.ran.write, b.ran.write) },
  };
}

function largerKnown(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
