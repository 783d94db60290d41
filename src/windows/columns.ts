/** Columns of a cell, and of the entries of a stored part. */
export const READ = 0;
export const WRITE = 1;
export const MISS = 2;
export const MAYBE = 3;
/** Sum of `errors - floor` over the parts that hold the key: with the floors of all parts it gives what absent parts add. */
export const EXCESS = 4;
export const COLUMN_COUNT = 5;

/**
 * Where a column counts of a part that only overlaps the window; `null`: nowhere. Its accesses may all lie outside, or
 * all inside, so they raise the upper bound alone.
 */
export function overlapColumn(column: number): number | null {
  // A miss is a read too: the read column has it already.
  if (column === MISS) return null;
  return column === EXCESS ? EXCESS : MAYBE;
}
