const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A day, or a day and a time, with the zone; without one, a time means another moment on each machine. */
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

export const TIME_EXPECTED =
  "expected a time such as 2026-11-28T09:00:00Z, an age such as -2h (s, m, h, d), or now";

/** The moment that a text names, ms since 1970; `null`: none. */
export function parseTime(text: string, nowMs: number): number | null {
  if (text === "now") return nowMs;
  const [, amount, unit = ""] = /^-(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * (UNIT_MS[unit] ?? Number.NaN);
  const ms = ISO.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
