import type { Clock } from "../../../runtime/clock.ts";
import { unrefClock } from "../../unref-clock.ts";
import type { Bytes, Commands } from "../commands.ts";
import { type LockPlace, lockPlaceOf } from "./lock-place.ts";
import { ACQUIRE, DELETE, FREE, KEEP, OVERRIDE, STORE, TAKE } from "./lock-scripts.ts";

/** A lock that is, or was, somebody's. */
export interface Hold {
  readonly place: LockPlace;
  readonly token: string;
}

/** What a try for the lock of a missing value finds: the value, or who holds the lock now, which may be oneself. */
export type Acquired =
  | { readonly value: Buffer }
  | { readonly value: null; readonly hold: Hold; readonly leftMs: number };

/** What is to be stored. `onlyNew`: not where there is a value by then. */
export interface Made {
  readonly value: Bytes;
  readonly ttlMs: number;
  readonly onlyNew: boolean;
}

/** Of the lock's time a third: two renewals may fail before it runs out. */
const RENEWALS_PER_TTL = 3;

/** Locks of keys, one for all processes that use the same server or cluster. Each call is one script, one round trip. */
export class FleetLock {
  readonly #commands: Commands;
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor(commands: Commands, ttlMs: number, clock: Clock = unrefClock) {
    this.#commands = commands;
    this.#ttlMs = ttlMs;
    this.#clock = clock;
  }

  placeOf(key: Bytes): LockPlace {
    return lockPlaceOf(key, this.#commands.keyPrefix);
  }

  /** For a key without value. */
  async acquire(place: LockPlace, token: string): Promise<Acquired> {
    const reply = await this.#commands.runScript(ACQUIRE, [place.key, place.lock], [token, this.#ttlMs]);
    const [value, holder, leftMs] = reply as [Buffer | null, Buffer | null, number];
    if (value !== null) return { value };
    return { value: null, hold: { place, token: String(holder) }, leftMs };
  }

  /** For a key whose value had `seenTtlMs` left. `null`: somebody else has the lock, or has refreshed the value. */
  async take(place: LockPlace, token: string, seenTtlMs: number): Promise<Hold | null> {
    const args = [token, this.#ttlMs, seenTtlMs];
    const reply = await this.#commands.runScript(TAKE, [place.key, place.lock], args);
    return reply === 1 ? { place, token } : null;
  }

  /** Extends the lock's time, again and again, until it is lost or the returned function is called. */
  keep({ place, token }: Hold): () => void {
    let isOver = false;
    let cancel = () => {};
    const renew = async () => {
      try {
        const kept = await this.#commands.runScript(KEEP, [place.lock], [token, this.#ttlMs]);
        if (kept === 0) return;
      } catch {
        // The next renewal may still come in time.
      }
      if (!isOver) renewLater();
    };
    const renewLater = () => {
      cancel = this.#clock.after(this.#ttlMs / RENEWALS_PER_TTL, renew);
    };
    renewLater();
    return () => {
      isOver = true;
      cancel();
    };
  }

  /** Stores and frees the lock. Returns: false where the lock was lost, or, with `onlyNew`, a value was there. */
  async store({ place, token }: Hold, { value, ttlMs, onlyNew }: Made): Promise<boolean> {
    const args = [token, value, ttlMs, place.channel, onlyNew ? "NX" : ""];
    return (await this.#commands.runScript(STORE, [place.key, place.lock], args)) === 1;
  }

  /** Frees the lock if it is still held. Where that cannot be said to the server, it runs out by itself. */
  async free({ place, token }: Hold): Promise<void> {
    try {
      await this.#commands.runScript(FREE, [place.lock], [token, place.channel]);
    } catch {
      // The caller has an error of its own to tell, and the lock a time to live.
    }
  }

  /** Sets the value, and takes the lock away from whoever computes an older one. */
  async override(place: LockPlace, value: Bytes, ttlMs: number): Promise<void> {
    await this.#commands.runScript(OVERRIDE, [place.key, place.lock], [value, ttlMs, place.channel]);
  }

  /** Deletes the value, and takes the lock away from whoever computes an older one. Returns: whether there was a value. */
  async delete(place: LockPlace): Promise<boolean> {
    return (await this.#commands.runScript(DELETE, [place.key, place.lock], [place.channel])) === 1;
  }

  /**
   * Computes and stores while holding the lock, which is kept meanwhile and free afterwards, at once after an error.
   *
   * `make` gives what is to be stored; `null`: nothing. Throws: what `make` throws; the driver's error where storing failed.
   */
  async computeHolding(hold: Hold, make: () => Promise<Made | null>): Promise<Stored> {
    const stopKeeping = this.keep(hold);
    try {
      const made = await make();
      if (made !== null) return { value: made.value, isStored: await this.store(hold, made) };
    } catch (error) {
      await this.free(hold);
      throw error;
    } finally {
      stopKeeping();
    }
    await this.free(hold);
    return { value: null, isStored: false };
  }
}

/** What was made, and whether it is in the cache. `value: null`: there is nothing to cache. */
export interface Stored {
  readonly value: Bytes | null;
  readonly isStored: boolean;
}
