import type { Incident, MuteReason } from "../model/incident.ts";
import {
  compileMatchers,
  EXPIRED_KEPT_MS,
  type Matchable,
  matchableOf,
  SILENCES_MAX,
  type Silence,
  silenceState,
} from "../model/silence.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Mute } from "./mute.ts";

/** A wall clock may be set: what begins or ends is looked for at least so often. */
const LOOK_EVERY_MS = 60_000;

interface Entry {
  readonly silence: Silence;
  readonly matches: (matchable: Matchable) => boolean;
}

/** The silences that there are, in bounds; says when others are in force than before. */
export class Silences implements Mute {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #entries = new Map<string, Entry>();
  /** What matches an incident as it is: each is asked for by every receiver, and again and again while it is muted. */
  #matching = new WeakMap<Incident, readonly Silence[]>();
  /** Those in force when that was last looked at, by id. */
  #active = "";
  #cancelLook: () => void = () => {};

  /** `onChange` is called after a silence began, ended, was changed or removed. */
  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Oldest first, expired ones of the last hour included. */
  list(): readonly Silence[] {
    const nowMs = this.#clock.now();
    return Array.from(this.#entries.values(), ({ silence }) => silence)
      .filter((silence) => !isForgotten(silence, nowMs))
      .sort((one, other) => one.createdAtMs - other.createdAtMs || (one.id < other.id ? -1 : 1));
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Whether there is no room for one more. */
  get isFull(): boolean {
    if (this.#entries.size >= SILENCES_MAX) this.#forgetOld(this.#clock.now());
    return this.#entries.size >= SILENCES_MAX;
  }

  /** Adds a silence, or replaces the one of its id; `false` where there is no room for it, or it expired long ago. */
  put(silence: Silence): boolean {
    if (isForgotten(silence, this.#clock.now())) return false;
    if (!this.#entries.has(silence.id) && this.isFull) return false;
    this.#entries.set(silence.id, { silence, matches: compileMatchers(silence.matchers) });
    this.#matching = new WeakMap();
    this.#look();
    return true;
  }

  /** `false`: there is none of this id. */
  remove(id: string): boolean {
    const isKnown = this.#entries.delete(id);
    this.#matching = new WeakMap();
    if (isKnown) this.#look();
    return isKnown;
  }

  muted(incident: Incident): MuteReason | null {
    if (this.#entries.size === 0) return null;
    const nowMs = this.#clock.now();
    const isActive = (silence: Silence) => silenceState(silence, nowMs) === "active";
    return this.#matchingOf(incident).some(isActive) ? "silenced" : null;
  }

  #matchingOf(incident: Incident): readonly Silence[] {
    const known = this.#matching.get(incident);
    if (known !== undefined) return known;
    const matchable = matchableOf(incident);
    const matching = Array.from(this.#entries.values())
      .filter(({ matches }) => matches(matchable))
      .map(({ silence }) => silence);
    this.#matching.set(incident, matching);
    return matching;
  }

  stop(): void {
    this.#cancelLook();
  }

  #look(): void {
    const nowMs = this.#clock.now();
    this.#forgetOld(nowMs);
    this.#lookAgain(nowMs);
    const active = Array.from(this.#entries.values(), ({ silence }) => silence)
      .filter((silence) => silenceState(silence, nowMs) === "active")
      .map(({ id }) => id)
      .join(" ");
    if (active === this.#active) return;
    this.#active = active;
    this.#onChange();
  }

  #lookAgain(nowMs: number): void {
    this.#cancelLook();
    if (this.#entries.size === 0) return;
    const times = Array.from(this.#entries.values(), ({ silence }) => [silence.startsAtMs, silence.endsAtMs])
      .flat()
      .filter((atMs) => atMs > nowMs);
    const delayMs = Math.min(LOOK_EVERY_MS, ...times.map((atMs) => atMs - nowMs));
    this.#cancelLook = this.#clock.after(Math.max(1, delayMs), () => this.#look());
  }

  #forgetOld(nowMs: number): void {
    for (const [id, { silence }] of this.#entries) if (isForgotten(silence, nowMs)) this.#entries.delete(id);
  }
}

function isForgotten({ endsAtMs }: Silence, nowMs: number): boolean {
  return nowMs - endsAtMs >= EXPIRED_KEPT_MS;
}
