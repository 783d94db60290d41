import type { CountJson } from "../../model/count-json.ts";

/** A rate as tables show it: whole from 10 on. */
export function rateText(perSecond: number): string {
  return perSecond >= 10
    ? Math.round(perSecond).toLocaleString("en-US")
    : String(Math.round(perSecond * 10) / 10);
}

/** `120`, or with what is not sure: `100..120`, `100+`. */
export function countText({ lower, upper }: CountJson): string {
  const least = lower.toLocaleString("en-US");
  if (upper === lower) return least;
  return upper === null ? `${least}+` : `${least}..${upper.toLocaleString("en-US")}`;
}
