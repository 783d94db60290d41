import type { HeatKind } from "./access.ts";
import type { Bounds } from "./heat.ts";

const DECIMAL = [
  { unit: "G", size: 1e9 },
  { unit: "M", size: 1e6 },
  { unit: "k", size: 1e3 },
  { unit: "", size: 1 },
];
const BINARY = [
  { unit: "GiB", size: 1024 ** 3 },
  { unit: "MiB", size: 1024 ** 2 },
  { unit: "KiB", size: 1024 },
  { unit: "B", size: 1 },
];

/** Bounds that lie about as far on both sides are said as one margin. */
const LOPSIDED = 0.1;

export const ACCESSES: Readonly<Record<HeatKind, string>> = {
  total: "accesses",
  read: "reads",
  write: "writes",
  miss: "misses",
};

/** Three digits at most: `48.2k`, `412`, `0.5`. */
export function briefNumber(value: number): string {
  return `${scaled(value, scaleOf(value, DECIMAL))}`;
}

/** `48.2k/s`. */
export function briefRate(ratePerSecond: number): string {
  return `${briefNumber(ratePerSecond)}/s`;
}

/** `310 MiB`. */
export function briefBytes(bytes: number): string {
  const scale = scaleOf(bytes, BINARY);
  return `${digits(bytes / scale.size)} ${scale.unit}`;
}

/** A share of 0..1: `62%`, `0.4%`. */
export function briefShare(share: number): string {
  const percent = share * 100;
  return `${percent > 0 && percent < 1 ? percent.toFixed(1) : Math.round(percent)}%`;
}

/** `12x`, `4.1x`. */
export function briefRatio(ratio: number): string {
  return `${digits(ratio)}x`;
}

/**
 * A rate over a window with its bounds: `48.2k ± 0.3k/s`; `48.2k/s` where it is exact; `48.2k/s (47k to 48.3k/s)` where
 * they are lopsided; `at least 48.2k/s` where it has no upper end.
 */
export function boundedRate({ estimate, lower, upper, likely }: Bounds, windowMs: number): string {
  const perSecond = (count: number) => (count * 1000) / windowMs;
  const middle = perSecond(estimate);
  const low = perSecond(likely?.lower ?? lower);
  const highCount = likely === null ? upper : likely.upper;
  if (highCount === null) {
    const sure = `at least ${briefRate(low)}`;
    return briefRate(low) === briefRate(middle) ? sure : `${sure}, likely ${briefRate(middle)}`;
  }
  const high = perSecond(highCount);
  const margin = Math.max(high - middle, middle - low);
  if (margin <= 0) return briefRate(middle);
  const isLopsided = Math.abs(high - middle - (middle - low)) > margin * LOPSIDED;
  if (isLopsided) return `${briefRate(middle)} (${briefNumber(low)} to ${briefRate(high)})`;
  return `${briefNumber(middle)} ± ${marginText(margin, middle)}/s`;
}

/** In the unit of what it belongs to, unless it would vanish there. */
function marginText(margin: number, middle: number): string {
  const scale = scaleOf(middle, DECIMAL);
  if (margin >= 0.05 * scale.size) return scaled(margin, scale);
  return margin < 0.1 ? "<0.1" : briefNumber(margin);
}

type Scale = (typeof DECIMAL)[number];

function scaleOf(value: number, scales: readonly Scale[]): Scale {
  // 999.6 would be rounded up to four digits.
  return scales.find(({ size }) => value >= size * 0.9995) ?? { unit: scales.at(-1)?.unit ?? "", size: 1 };
}

function scaled(value: number, { unit, size }: Scale): string {
  return `${digits(value / size)}${unit}`;
}

/** At most one decimal, and none from 100 on. */
function digits(value: number): string {
  const rounded = value < 99.95 ? Math.round(value * 10) / 10 : Math.round(value);
  return `${rounded}`;
}
