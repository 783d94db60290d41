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

/** A duration in its two largest units: `45s`, `3m 05s`, `2h 07m`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
}

/** How far the truth may lie from a rate: `±0.3`, `exact`; `no max` without an upper bound. */
export function formatMargin(marginPerSecond: number | null): string {
  if (marginPerSecond === null) return "no max";
  if (marginPerSecond === 0) return "exact";
  return marginPerSecond < 0.1 ? "±<0.1" : `±${formatRate(marginPerSecond)}`;
}
