/** A rate with thousands separated: `8,012`, below 100 with one decimal: `12.5`. */
export function formatRate(ratePerSecond: number): string {
  const digits = ratePerSecond < 100 && !Number.isInteger(ratePerSecond) ? 1 : 0;
  return ratePerSecond.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A share of 0..1: `62.0%`; `-` where it is not known. */
export function formatShare(share: number | null): string {
  return share === null ? "-" : `${(share * 100).toFixed(1)}%`;
}

/** How far the truth may lie from a rate: `±0.3`, `exact`; `no max` without an upper bound. */
export function formatMargin(marginPerSecond: number | null): string {
  if (marginPerSecond === null) return "no max";
  if (marginPerSecond === 0) return "exact";
  return marginPerSecond < 0.1 ? "±<0.1" : `±${formatRate(marginPerSecond)}`;
}
