import { randomUUID } from "node:crypto";
import { backoffMs } from "../../../runtime/backoff.ts";
import { type Clock, systemClock } from "../../../runtime/clock.ts";
import { abortable } from "../abortable.ts";
import type { Bytes } from "../commands.ts";
import type { FleetLock, Hold, Made, Stored } from "./fleet-lock.ts";
import type { LockListener } from "./lock-listener.ts";
import type { LockNews } from "./lock-news.ts";

/** Who is told that a lock is free looks himself too: the message is lost with the connection. */
const HEARING = { firstMs: 500, maxMs: 4000 };
const DEAF = { firstMs: 20, maxMs: 500 };

export interface MissOptions {
  readonly lock: FleetLock;
  readonly news: LockNews;
  /** For who computes elsewhere, at most. */
  readonly waitMs: number;
  readonly clock?: Clock;
}

/** What happened so far. */
export interface MissStats {
  /** Values computed under the lock. */
  computed: number;
  /** Waits for somebody else's value. */
  waited: number;
  /** Values computed without the lock, after a wait that was too long. */
  computedAnyway: number;
  /** Values that were computed and given to who asked here, and not stored: the lock was lost, or there was a value by then. */
  notStored: number;
}

/** Gets values that are missing: one process computes, the others wait for its value. */
export class FleetMiss {
  readonly stats: MissStats = { computed: 0, waited: 0, computedAnyway: 0, notStored: 0 };
  readonly #lock: FleetLock;
  readonly #news: LockNews;
  readonly #waitMs: number;
  readonly #clock: Clock;

  constructor({ lock, news, waitMs, clock = systemClock }: MissOptions) {
    this.#lock = lock;
    this.#news = news;
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /**
   * The value of `key`, stored by somebody else or made by `make` here.
   *
   * The lock and the value are looked at in one step, so nobody computes what was stored a moment ago. Throws: what `make`
   * throws, the driver's errors, the reason of `signal`.
   */
  async get(key: Bytes, make: () => Promise<Made | null>, signal: AbortSignal): Promise<Stored> {
    const place = this.#lock.placeOf(key);
    const token = randomUUID();
    const endMs = this.#clock.monotonic() + this.#waitMs;
    let listener: LockListener | null = null;
    try {
      for (let round = 0; ; round++) {
        signal.throwIfAborted();
        const found = await this.#lock.acquire(place, token);
        if (found.value !== null) return { value: found.value, isStored: true };
        if (found.hold.token === token) {
          if (signal.aborted) await this.#lock.free(found.hold);
          signal.throwIfAborted();
          return await this.#compute(found.hold, make);
        }
        const restMs = endMs - this.#clock.monotonic();
        if (restMs <= 0) return await this.#computeAnyway(found.hold, make);
        if (listener === null) this.stats.waited++;
        listener ??= this.#news.listen(place.channel);
        const delayMs = backoffMs(round, listener.isHearing ? HEARING : DEAF);
        await abortable(listener.next(Math.min(delayMs, restMs, untilFree(found.leftMs))), signal);
      }
    } finally {
      listener?.close();
    }
  }

  async #compute(hold: Hold, make: () => Promise<Made | null>): Promise<Stored> {
    this.stats.computed++;
    const stored = await this.#lock.computeHolding(hold, make);
    if (stored.value !== null && !stored.isStored) this.stats.notStored++;
    return stored;
  }

  /**
   * What is made is stored under the token of who holds the lock, so only if he has not stored by then, nor lost the
   * lock: then he does not store any more.
   */
  async #computeAnyway(hold: Hold, make: () => Promise<Made | null>): Promise<Stored> {
    this.stats.computedAnyway++;
    const made = await make();
    if (made === null) return { value: null, isStored: false };
    const isStored = await this.#lock.store(hold, made);
    if (!isStored) this.stats.notStored++;
    return { value: made.value, isStored };
  }
}

/** A lock without a time to live (somebody else's doing) has a negative one. */
function untilFree(leftMs: number): number {
  return leftMs < 0 ? Number.POSITIVE_INFINITY : leftMs + 1;
}
