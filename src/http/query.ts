import { duration } from "../config/scalars.ts";
import { HttpError } from "./errors.ts";

const windowLength = duration({ min: "1ms", max: "7d" });

/**
 * The query of one request, checked against the names that its route knows.
 *
 * Every reader returns `undefined` where the name is absent or empty, and throws `HttpError` 400 (`BAD_QUERY`, the name
 * as its path) where the value is not as expected.
 */
export class Query {
  readonly #values = new Map<string, string>();

  constructor(raw: unknown, known: readonly string[]) {
    const entries = typeof raw === "object" && raw !== null ? Object.entries(raw) : [];
    for (const [name, value] of entries) {
      if (!known.includes(name)) {
        const expected = known.length > 0 ? `expected ${known.join(", ")}` : "this takes none";
        throw badQuery(name, `unknown query parameter, ${expected}`);
      }
      if (typeof value !== "string") throw badQuery(name, "given more than once");
      if (value !== "") this.#values.set(name, value);
    }
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  integer(name: string, { min, max }: { min: number; max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw badQuery(name, `expected a whole number from ${min} to ${max}`);
    }
    return value;
  }

  choice<const Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((known) => known === text);
    if (word === undefined) throw badQuery(name, `expected one of ${words.join(", ")}`);
    return word;
  }

  /** One of `windowsMs`, written as any duration: `60s` and `1m` are the same. */
  window(name: string, windowsMs: readonly number[]): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const parsed = windowLength.safeParse(text);
    if (!parsed.success) throw badQuery(name, "expected a duration such as 10s");
    if (!windowsMs.includes(parsed.data)) {
      throw badQuery(name, `there is no such window, expected one of ${windowsMs.map(shown).join(", ")}`);
    }
    return parsed.data;
  }

  /** ISO 8601 with its offset (`2026-11-23T17:00:00Z`), or whole ms since 1970; as ms since 1970. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const atMs = /^\d{1,15}$/.test(text) ? Number(text) : isoTimeMs(text);
    if (Number.isNaN(atMs)) throw badQuery(name, "expected a time such as 2026-11-23T17:00:00Z");
    return atMs;
  }
}

/** ISO 8601 with its offset (`2026-11-23T17:00:00Z`) as ms since 1970; NaN where it is none. */
export function isoTimeMs(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  return isTime && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
}

/** `Date` takes 31 November for 1 December: another day than the caller may have meant. */
function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

export function badQuery(name: string, message: string): HttpError {
  return new HttpError(400, "BAD_QUERY", message, { path: name });
}

function shown(windowMs: number): string {
  return windowMs % 1000 === 0 ? `${windowMs / 1000}s` : `${windowMs}ms`;
}
