/**
 * How long to wait, in ms, by a `Retry-After` header: seconds or an HTTP date; `null` where it is neither.
 *
 * Source: RFC 9110, section 10.2.3.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim();
  if (!text) return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // `Date.parse` alone would take "-1" for a year; the oldest of the three forms does not name its time zone.
  const isDate = /^[A-Za-z]{3,9},? .*\d\d:\d\d:\d\d/.test(text);
  const atMs = isDate ? Date.parse(text.endsWith("GMT") ? text : `${text} GMT`) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
