import { type Silence, type SilenceMatchers, type SilenceState, silenceState } from "../model/silence.ts";

/** A silence as the API shows it: times in ISO 8601. */
export interface SilenceJson {
  readonly id: string;
  readonly matchers: SilenceMatchers;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly comment: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly state: SilenceState;
}

export function silenceJson(silence: Silence, nowMs: number): SilenceJson {
  const { id, matchers, startsAtMs, endsAtMs, comment, createdBy, createdAtMs } = silence;
  return {
    id,
    matchers,
    startsAt: isoTime(startsAtMs),
    endsAt: isoTime(endsAtMs),
    comment,
    createdBy,
    createdAt: isoTime(createdAtMs),
    state: silenceState(silence, nowMs),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
