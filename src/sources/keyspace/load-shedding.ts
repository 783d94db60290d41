import type { Intake } from "../../panes/open-pane.ts";

/**
 * Sampling 1 of 4 halves the work of an event, thinner saves little more: what is left is reading and telling frames
 * apart. From there on listening for less of the time gives more counts for the same work.
 */
const THINNEST = 2;
/** A subscription that is up for less than 1/16 of the time sees too little to be worth it. */
const RAREST = 4;
export const WATCHED_SHARE_MIN = 2 ** -RAREST;
/** Behind for so long: a stretch of work, a collection of garbage are shorter. */
const BEHIND_MS = 150;
/** Behind for so long: nothing more must come until it has caught up. */
const TOO_FAR_BEHIND_MS = 300;
/** What the last step brings is seen after so long. */
const SETTLES_MS = 300;
/** Events so late are no backlog. */
const CALM_LAG_MS = 100;
/** Read so late at times, there is no room for more. */
const ROOM_LAG_MS = 250;
/** A step back doubles the work at most: it is taken after so long a calm, where there is room for that. */
const CALM_MS = 1000;
const CALM_BUSY = 0.45;
const BUSY_SMOOTHING = 0.1;
/** What was too much once is tried again after so long, later each time that it fails: each try costs some accuracy. */
const RETRY_MS = { first: 8000, max: 64_000 };
/** It is tried sooner where events were never later than this for so many panes: something has changed. */
const EASY = { lagMs: 80, panes: 3 };
/** A saturated server is relieved after so many looks, and left so for a while, and while it is nearly so. */
const SATURATED_LOOKS = 2;
const RELIEVED_SHARE = 0.8;
const RELIEF_MS = 5000;

/** How the reader gets on. Times in ms, `nowMs` monotonic. */
export interface ReaderLook {
  readonly nowMs: number;
  /** For how long the reader has not caught up with the socket. */
  readonly behindMs: number;
  /** How old events are when they are read, at most. */
  readonly lagMs: number;
  /** Share of its time that the process was busy since the last look. */
  readonly busy: number;
}

/**
 * Decides how much is taken in: everything, as long as the reader keeps up; then 1 of 2, 1 of 4 events; then, since what
 * is left is the cost of reading, the subscription itself for 1/2 to 1/16 of the time. Back step by step, but not soon
 * to where it was too much. A saturated server is relieved by the second way alone.
 *
 * Falling behind is not an option: a server cuts subscribers with too much unread, and all is lost until they are back.
 */
export class LoadShedding {
  /** Share of a core of the server's main thread at which the tap gives way; 0: never. */
  readonly #yieldAt: number;
  /** Steps away from taking in everything: first those of sampling, then those of the subscription. */
  #level = 0;
  #levelOfPane = 0;
  #isTooFarBehind = false;
  #busy = 0;
  #steppedUpMs = Number.NEGATIVE_INFINITY;
  #calmSinceMs: number | null = null;
  /** Panes in a row, since the last step back, in which events were hardly late. */
  #easyPanes = 0;
  /** The highest level that was not enough, until when it is not tried again, and how long that was. */
  #failed = { level: -1, untilMs: 0, retryMs: RETRY_MS.first };
  /** Steps for the server's sake. */
  #relief = 0;
  #saturatedLooks = 0;
  #relievedSinceMs: number | null = null;

  constructor(yieldAt: number) {
    this.#yieldAt = yieldAt;
  }

  /** Both are powers of two. */
  get intake(): Intake {
    return { probability: 2 ** -Math.min(this.#level, THINNEST), watchedShare: 2 ** -this.#rarity };
  }

  /** Why not everything is taken in; `null`: it is. */
  get reason(): string | null {
    const { probability, watchedShare } = this.intake;
    const parts: string[] = [];
    if (probability < 1) parts.push(`1 of ${1 / probability} events is counted`);
    if (watchedShare < 1) parts.push(`1/${1 / watchedShare} of the time is watched`);
    if (parts.length === 0) return null;
    const cause = this.#level > 0 ? "the agent cannot keep up" : "the server's main thread is busy (yieldAt)";
    return `${parts.join(", ")}: ${cause}`;
  }

  /** Once a round. Whether nothing more must come in this pane: what has come is too much already. */
  look({ nowMs, behindMs, lagMs, busy }: ReaderLook): boolean {
    this.#busy += BUSY_SMOOTHING * (busy - this.#busy);
    this.#isTooFarBehind = behindMs >= TOO_FAR_BEHIND_MS;
    if (behindMs >= BEHIND_MS) this.#stepUp(nowMs);
    if (behindMs >= BEHIND_MS || lagMs > CALM_LAG_MS) this.#calmSinceMs = null;
    else this.#calmSinceMs ??= nowMs;
    return this.#isTooFarBehind;
  }

  /**
   * Once a pane, before the next one opens: only then more may be taken in, for a pane has one probability.
   * `worstLagMs`: how late events were read in it at most.
   */
  beforePane(nowMs: number, worstLagMs: number): void {
    if (worstLagMs > ROOM_LAG_MS) this.#calmSinceMs = null;
    this.#easyPanes = worstLagMs <= EASY.lagMs ? this.#easyPanes + 1 : 0;
    const isCalm = this.#calmSinceMs !== null && nowMs - this.#calmSinceMs >= CALM_MS;
    if (this.#level > 0 && isCalm && this.#busy < CALM_BUSY && this.#mayTry(this.#level - 1, nowMs)) {
      this.#level--;
      this.#calmSinceMs = nowMs;
      this.#easyPanes = 0;
    }
    this.#levelOfPane = this.#level;
  }

  /** Once a look at the server: `cpuShare` of a core that its main thread used; `null`: not known. */
  lookAtServer(cpuShare: number | null, nowMs: number): void {
    if (this.#yieldAt === 0 || cpuShare === null) return;
    this.#saturatedLooks = cpuShare >= this.#yieldAt ? this.#saturatedLooks + 1 : 0;
    if (this.#saturatedLooks >= SATURATED_LOOKS) {
      this.#saturatedLooks = 0;
      this.#relievedSinceMs = null;
      this.#relief = Math.min(RAREST, this.#relief + 1);
    } else if (cpuShare >= RELIEVED_SHARE * this.#yieldAt) this.#relievedSinceMs = null;
    else this.#endRelief(nowMs);
  }

  get #rarity(): number {
    // Until it has caught up as little as possible.
    if (this.#isTooFarBehind) return RAREST;
    return Math.max(this.#level - THINNEST, this.#relief, 0);
  }

  #mayTry(level: number, nowMs: number): boolean {
    return level > this.#failed.level || nowMs >= this.#failed.untilMs || this.#easyPanes >= EASY.panes;
  }

  #endRelief(nowMs: number): void {
    this.#relievedSinceMs ??= nowMs;
    if (this.#relief === 0 || nowMs - this.#relievedSinceMs < RELIEF_MS) return;
    this.#relief--;
    this.#relievedSinceMs = nowMs;
  }

  #stepUp(nowMs: number): void {
    if (nowMs - this.#steppedUpMs < SETTLES_MS) return;
    this.#steppedUpMs = nowMs;
    // At the brink sampling alone would come too late. Beyond it one step a pane: what it brings is seen in the next.
    const next =
      this.#level < THINNEST && !this.#isTooFarBehind ? this.#level : Math.max(THINNEST, this.#levelOfPane);
    const level = Math.min(THINNEST + RAREST, next + 1);
    if (level === this.#level) return;
    this.#noteFailure(this.#level, nowMs);
    this.#level = level;
  }

  #noteFailure(level: number, nowMs: number): void {
    const { level: before, untilMs, retryMs } = this.#failed;
    // Failed on the way down again, or long after: then it is something new.
    const isAgain = level <= before && nowMs - untilMs < retryMs;
    const nextMs = isAgain ? Math.min(RETRY_MS.max, 2 * retryMs) : RETRY_MS.first;
    this.#failed = { level, untilMs: nowMs + nextMs, retryMs: nextMs };
  }
}
