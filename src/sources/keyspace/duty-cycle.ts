import type { Clock } from "../../runtime/clock.ts";
import { WATCHED_SHARE_MIN } from "./load-shedding.ts";

/** With less than this nothing can be told from a pane. */
const TELLING_SHARE_MIN = WATCHED_SHARE_MIN / 2;
/** Of numbers that were added up. */
const ALL = 1 - 1e-6;
/** Marks a pane that was watched, but not to its end. */
const NEARLY_ALL = 1 - 2 ** -10;
/** Panes of which nothing could be told are made up for by the next one; after so many, no more. */
const OWED_PANES_MAX = 10;

interface Span {
  readonly fromMs: number;
  toMs: number;
}

/**
 * Listens for a share of each pane, from a random moment on: what repeats with the clock is neither always seen nor
 * always missed.
 *
 * What was listened to is counted by the stream, not by the clock: events that are read late belong to the time when the
 * server sent them, and a pane is owed the time of the one before that had none. Times are monotonic, in ms.
 */
export class DutyCycle {
  readonly #clock: Clock;
  readonly #listen: (isOn: boolean) => void;
  readonly #random: () => number;
  #isOn = true;
  /** It did not listen all the time since the last pane that could be told. */
  #isBroken = false;
  /** When it listened, of what has not been read yet; the last one is open while it listens. */
  #spans: Span[];
  /** Up to where the stream has been read, at the last pane's end. */
  #readToMs: number;
  #listenedMs = 0;
  #lengthMs = 0;
  #paneFromMs: number;
  #planMs = 0;
  #cancels: (() => void)[] = [];

  /** `listen` is told to begin and to end; it listens at the start. `random`: in [0, 1). */
  constructor(clock: Clock, listen: (isOn: boolean) => void, random: () => number = Math.random) {
    this.#clock = clock;
    this.#listen = listen;
    this.#random = random;
    this.#paneFromMs = clock.monotonic();
    this.#readToMs = this.#paneFromMs;
    this.#spans = [{ fromMs: this.#paneFromMs, toMs: Number.POSITIVE_INFINITY }];
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /**
   * Ends a pane, in which the stream was read up to `readToMs` (`null`: up to now); returns the share of its time that
   * was listened to.
   */
  endPane(readToMs: number | null): number {
    const nowMs = this.#clock.monotonic();
    this.#lengthMs += nowMs - this.#paneFromMs;
    this.#paneFromMs = nowMs;
    this.#listenedMs += this.#takeListened(Math.max(this.#readToMs, readToMs ?? nowMs));
    if (this.#lengthMs === 0) return 1;
    const share = this.#listenedMs / this.#lengthMs;
    if (share < TELLING_SHARE_MIN && this.#lengthMs < OWED_PANES_MAX * this.#planMs) return NEARLY_ALL;
    const isBroken = this.#isBroken;
    this.#isBroken = false;
    this.#listenedMs = 0;
    this.#lengthMs = 0;
    // What was read late of the pane before may make it more than all; it does not stand for what was not listened to.
    if (share > ALL && !isBroken) return 1;
    return Math.min(NEARLY_ALL, Math.max(TELLING_SHARE_MIN, share));
  }

  /** Plans the pane that begins now. */
  beginPane(share: number, lengthMs: number): void {
    this.#cancel();
    this.#planMs = lengthMs;
    if (share >= 1) {
      this.#set(true);
      return;
    }
    const onMs = share * lengthMs;
    const fromMs = this.#random() * (lengthMs - onMs);
    this.#set(false);
    this.#cancels = [
      this.#clock.after(fromMs, () => this.#set(true)),
      this.#clock.after(fromMs + onMs, () => this.#set(false)),
    ];
  }

  /** Listens no more in this pane, once it has for long enough to say something: a backlog comes first. */
  pause(): void {
    if (!this.#isOn) return;
    const sinceMs = Math.max(this.#paneFromMs, this.#spans.at(-1)?.fromMs ?? 0);
    if (this.#clock.monotonic() - sinceMs < WATCHED_SHARE_MIN * this.#planMs) return;
    this.#cancel();
    this.#set(false);
  }

  stop(): void {
    this.#cancel();
  }

  /** For how long it listened between what was read before and `readToMs`. */
  #takeListened(readToMs: number): number {
    let listenedMs = 0;
    for (const { fromMs, toMs } of this.#spans) {
      listenedMs += Math.max(0, Math.min(toMs, readToMs) - Math.max(fromMs, this.#readToMs));
    }
    this.#spans = this.#spans.filter(({ toMs }) => toMs > readToMs);
    this.#readToMs = readToMs;
    return listenedMs;
  }

  #cancel(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  #set(isOn: boolean): void {
    this.#isBroken ||= !isOn;
    if (isOn === this.#isOn) return;
    const nowMs = this.#clock.monotonic();
    const last = this.#spans.at(-1);
    if (isOn) this.#spans.push({ fromMs: nowMs, toMs: Number.POSITIVE_INFINITY });
    else if (last) last.toMs = nowMs;
    this.#isOn = isOn;
    this.#listen(isOn);
  }
}
