import { compileGlobs } from "./glob.ts";
import type { Incident } from "./incident.ts";
import { matchedBytes } from "./redacted-key.ts";

/** What a silence looks at, in the order in which it is written and shown. */
export const MATCHER_NAMES = ["cluster", "key", "rule", "target", "severity", "pattern", "service"] as const;

/** Globs in Redis's notation; what is left out matches all. */
export type SilenceMatchers = Readonly<Partial<Record<(typeof MATCHER_NAMES)[number], string>>>;

/** For how long nobody is told of the incidents that fire and match. Times are ms since 1970. */
export interface Silence {
  readonly id: string;
  /** At least one. */
  readonly matchers: SilenceMatchers;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly comment: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

export type SilenceState = "pending" | "active" | "expired";

/** Silences there may be at once, expired ones included. */
export const SILENCES_MAX = 1000;
/** Of each text, in UTF-8. */
export const SILENCE_TEXT_BYTES_MAX = 1024;
/** A year, with a day to spare: the same date next year is within it. */
export const SILENCE_MS_MAX = 366 * 86_400_000;
/** An expired silence is shown for so long. */
export const EXPIRED_KEPT_MS = 3_600_000;

export function silenceState({ startsAtMs, endsAtMs }: Silence, nowMs: number): SilenceState {
  if (nowMs < startsAtMs) return "pending";
  return nowMs < endsAtMs ? "active" : "expired";
}

/** What is wrong with the times of a silence that is made now; `null`: nothing. */
export function silenceTimesProblem(
  { startsAtMs, endsAtMs }: Pick<Silence, "startsAtMs" | "endsAtMs">,
  nowMs: number,
): { readonly field: "startsAt" | "endsAt"; readonly message: string } | null {
  if (endsAtMs <= nowMs) return { field: "endsAt", message: "expected a time to come" };
  if (endsAtMs <= startsAtMs) return { field: "endsAt", message: "expected a time after that of startsAt" };
  if (startsAtMs - nowMs > SILENCE_MS_MAX) {
    return { field: "startsAt", message: "expected a time within a year" };
  }
  if (endsAtMs - Math.max(startsAtMs, nowMs) > SILENCE_MS_MAX) {
    return { field: "endsAt", message: "expected a silence of at most a year" };
  }
  return null;
}

/** What matchers look at of an incident, in bytes. Of several values one that matches is enough; none: it is not there. */
export type Matchable = Readonly<Record<(typeof MATCHER_NAMES)[number], readonly Uint8Array[]>>;

/**
 * An incident of a target as a whole has neither key, pattern nor service. A cut key is matched by its first 1 KiB, a
 * redacted one by its label.
 */
export function matchableOf(incident: Incident): Matchable {
  const { cluster, key, rule, target, severity, pattern, services, users } = incident;
  return {
    cluster: bytesOf(cluster),
    key: key === null ? [] : [matchedBytes(key.bytes)],
    rule: bytesOf(rule),
    target: target === null ? [] : bytesOf(target),
    severity: bytesOf(severity),
    pattern: key === null ? [] : bytesOf(pattern),
    service: Object.keys({ ...services, ...users }).flatMap(bytesOf),
  };
}

/** Makes a test for what all of `matchers` match, as rules match keys. */
export function compileMatchers(matchers: SilenceMatchers): (matchable: Matchable) => boolean {
  const tests = MATCHER_NAMES.flatMap((name) => {
    const glob = matchers[name];
    // What matches everything also matches what is not there.
    return glob === undefined || glob === "*" ? [] : [{ name, matches: compileGlobs([glob]) }];
  });
  return (matchable) => tests.every(({ name, matches }) => matchable[name].some(matches));
}

function bytesOf(text: string): readonly Uint8Array[] {
  return [Buffer.from(text)];
}
