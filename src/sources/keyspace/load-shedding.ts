/**
 * Sampling 1 of 4 halves the work of an event, thinner saves little more: what is left is reading and telling frames
 * apart. From there on listening for less of the time gives more counts for the same work.
 */
const THINNEST = 2;
/** A subscription that is up for less than 1/16 of the time sees too little to be worth it. */
const RAREST = 4;
/** Behind for so long: a stretch of work, a collection of garbage are shorter. */
const BEHIND_MS = 150;
/** Behind for so long: nothing more must come until it has caught up. */
const TOO_FAR_BEHIND_MS = 300;
/** What the last step brings is seen after so long. */
const SETTLES_MS = 300;
/** Events so late are no backlog. */
const CALM_LAG_MS = 100;
/** A step back doubles the work at most: it is taken where there is room for that. */
const CALM_BUSY = 0.45;
const BUSY_SMOOTHING = 0.1;
const WAIT_MS = { first: 3000, max: 60_000 };
/** Behind again within this time of a step back: the next one waits twice as long. */
const REGRET_MS = 10_000;
/** A saturated server is relieved after so many looks, and left so while it is nearly so. */
const SATURATED_LOOKS = 2;
const RELIEVED_SHARE = 0.8;

/** How much of what a server publishes is taken in. */
export interface Intake {
  /** Each event is counted with this probability, a power of two. */
  readonly probability: number;
  /** Share of the time that the subscription is up, a power of two. */
  readonly watchedShare: number;
}

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
 * is left is the cost of reading, the subscription itself for 1/2 to 1/16 of the time. Back step by step, later each
 * time that a step back turned out to be too early. A saturated server is relieved by the second way alone.
 *
 * Falling behind is not an option: a server cuts subscribers with too much unread, and all is lost until they are back.
 */
export class LoadShedding {
  /** Share of a core of the server's main thread at which the tap gives way; 0: never. */
  readonly #yieldAt: number;
  #thinning = 0;
  #rarity = 0;
  #relief = 0;
  #busy = 0;
  #isBehind = false;
  #isTooFarBehind = false;
  /** With which the pane began. */
  #rarityOfPane = 0;
  #steppedUpMs = Number.NEGATIVE_INFINITY;
  #steppedBackMs = Number.NEGATIVE_INFINITY;
  #calmSinceMs: number | null = null;
  #waitMs = WAIT_MS.first;
  #saturatedLooks = 0;
  #relievedSinceMs: number | null = null;

  constructor(yieldAt: number) {
    this.#yieldAt = yieldAt;
  }

  get intake(): Intake {
    return {
      probability: 2 ** -this.#thinning,
      // Until it has caught up as little as possible.
      watchedShare: 2 ** -(this.#isTooFarBehind ? RAREST : Math.max(this.#rarity, this.#relief)),
    };
  }

  /** Why not everything is taken in; `null`: it is. */
  get reason(): string | null {
    const { probability, watchedShare } = this.intake;
    const parts: string[] = [];
    if (probability < 1) parts.push(`1 of ${1 / probability} events is counted`);
    if (watchedShare < 1) parts.push(`1/${1 / watchedShare} of the time is watched`);
    if (parts.length === 0) return null;
    const isOwn = this.#thinning + this.#rarity > 0;
    const cause = isOwn ? "the agent cannot keep up" : "the server's main thread is busy (yieldAt)";
    return `${parts.join(", ")}: ${cause}`;
  }

  /** Once a round. Whether nothing more must come in this pane: what has come is too much already. */
  look({ nowMs, behindMs, lagMs, busy }: ReaderLook): boolean {
    this.#busy += BUSY_SMOOTHING * (busy - this.#busy);
    this.#isBehind = behindMs >= BEHIND_MS;
    this.#isTooFarBehind = behindMs >= TOO_FAR_BEHIND_MS;
    if (this.#isBehind) this.#stepUp(nowMs);
    if (this.#isBehind || lagMs > CALM_LAG_MS) this.#calmSinceMs = null;
    else this.#calmSinceMs ??= nowMs;
    return this.#isTooFarBehind;
  }

  /** Once a pane, before the next one opens: only then more may be taken in, for a pane has one probability. */
  beforePane(nowMs: number): void {
    this.#stepBack(nowMs);
    this.#rarityOfPane = this.#rarity;
  }

  #stepBack(nowMs: number): void {
    const isCalm = this.#calmSinceMs !== null && nowMs - this.#calmSinceMs >= this.#waitMs;
    if (!isCalm || this.#busy >= CALM_BUSY) return;
    if (this.#thinning + this.#rarity === 0) {
      if (nowMs - this.#steppedBackMs > WAIT_MS.max) this.#waitMs = WAIT_MS.first;
      return;
    }
    if (this.#rarity > 0) this.#rarity--;
    else this.#thinning--;
    this.#steppedBackMs = nowMs;
    this.#calmSinceMs = nowMs;
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

  #endRelief(nowMs: number): void {
    this.#relievedSinceMs ??= nowMs;
    if (this.#relief === 0 || nowMs - this.#relievedSinceMs < WAIT_MS.first) return;
    this.#relief--;
    this.#relievedSinceMs = nowMs;
  }

  #stepUp(nowMs: number): void {
    if (nowMs - this.#steppedUpMs < SETTLES_MS) return;
    if (nowMs - this.#steppedBackMs < REGRET_MS) {
      this.#waitMs = Math.min(WAIT_MS.max, 2 * this.#waitMs);
      this.#steppedBackMs = Number.NEGATIVE_INFINITY;
    }
    this.#steppedUpMs = nowMs;
    if (!this.#isTooFarBehind && this.#thinning < THINNEST) {
      this.#thinning++;
      return;
    }
    this.#thinning = THINNEST;
    // One step a pane: what it brings is seen in the next.
    this.#rarity = Math.min(RAREST, this.#rarityOfPane + 1);
  }
}
