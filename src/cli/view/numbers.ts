import { briefNumber } from "../../model/figures.ts";

/** A rate with thousands separated: `8,012`, below 100 with one decimal: `12.5`. */
export function formatRate(ratePerSecond: number): string {
  const digits = ratePerSecond < 100 && !Number.isInteger(ratePerSecond) ? 1 : 0;
  return ratePerSecond.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A rate in at most so many columns: `1,234,567`, or `1.2M` where that is too long. */
export function rateWithin(ratePerSecond: number, columns: number): string {
  const full = formatRate(ratePerSecond);
  return full.length <= columns ? full : briefNumber(ratePerSecond);
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

/** The same in at most so many columns. */
export function marginWithin(marginPerSecond: number | null, columns: number): string {
  const full = formatMargin(marginPerSecond);
  return full.length <= columns || marginPerSecond === null ? full : `±${briefNumber(marginPerSecond)}`;
}

/** The time of day here: `09:05:07`. */
export function formatTimeOfDay(ms: number): string {
  const at = new Date(ms);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
