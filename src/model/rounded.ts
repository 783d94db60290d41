/** A figure for people and JSON, with so many decimals: sums of doubles would show their rounding. */
export function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
