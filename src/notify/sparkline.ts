const BARS = "▁▂▃▄▅▆▇█";

/** Rates as a line of block characters, the highest as the full one; empty where there are fewer than two. */
export function sparkline(rates: readonly number[]): string {
  if (rates.length < 2) return "";
  const highest = Math.max(...rates);
  return rates.map((rate) => BARS.charAt(heightOf(rate, highest))).join("");
}

/** Height 0..7. Only nothing at all is drawn as nothing: a little is to be seen. */
function heightOf(rate: number, highest: number): number {
  if (highest <= 0 || rate <= 0) return 0;
  return Math.max(1, Math.round((rate / highest) * (BARS.length - 1)));
}
