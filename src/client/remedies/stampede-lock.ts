import { abortable } from "./abortable.ts";
import { checkedFunction, checkedKey, checkedOptions, checkedSignal, checkedTtl } from "./arguments.ts";
import { type Bytes, bytesOf, type Commands, commandsOf } from "./commands.ts";
import { type Compute, computed } from "./computed-value.ts";
import { FleetLock } from "./fleet-lock/fleet-lock.ts";
import { FleetMiss, type MissStats } from "./fleet-lock/fleet-miss.ts";
import { LockNews } from "./fleet-lock/lock-news.ts";
import { checkedLockOptions, type LockOptions } from "./fleet-lock/lock-options.ts";
import { subscriptionsOf } from "./fleet-lock/subscription.ts";
import { keyIdOf } from "./key-id.ts";
import { SharedFlights } from "./shared-flights.ts";

export type StampedeLockOptions = LockOptions;

export interface StampedeGetOptions {
  /** How long a computed value lives. */
  readonly ttlMs: number;
  /** Ends this caller's wait. What is computed goes on for others who wait; with the last of them `compute` is told. */
  readonly signal?: AbortSignal;
}

export interface StampedeLockStats extends Readonly<MissStats> {
  /** Values that were there at once. */
  readonly hits: number;
}

/**
 * A cache in Redis whose missing values are computed by one caller of the whole fleet, while the others wait for it.
 *
 * The lock is a key beside the value's, held by a random token and extended while computing. Storing checks the token in
 * the same step as it writes, so a process that stood still past its lock's time overwrites nothing. In one process callers
 * of the same key share one call of `compute`, that of the first of them.
 *
 * Consistency: a value is as old as its `ttlMs` allows. `delete` also takes the lock from whoever is computing, so his
 * value, made of older data, is not stored. After `waitMs` without a value a process computes by itself: then several do.
 * A lock lives in one primary's memory: after a failover that lost it, a second process may compute, and the first does not
 * store.
 *
 * Errors: those of the driver reject, nothing is computed then; those of `compute` reject too, and the lock is free at once.
 */
export class StampedeLock {
  readonly #commands: Commands;
  readonly #lock: FleetLock;
  readonly #news: LockNews;
  readonly #miss: FleetMiss;
  readonly #flights = new SharedFlights<Bytes | null>();
  #hits = 0;
  #isClosed = false;

  /**
   * `redis`: a client of ioredis or node-redis; of a cluster too. A second connection is opened when somebody has to wait.
   *
   * Throws: TypeError, RangeError for options that make no sense.
   */
  constructor(redis: object, options?: StampedeLockOptions) {
    const { lockTtlMs, waitMs } = checkedLockOptions(options);
    this.#commands = commandsOf(redis);
    this.#lock = new FleetLock(this.#commands, lockTtlMs);
    this.#news = new LockNews(subscriptionsOf(redis));
    this.#miss = new FleetMiss({ lock: this.#lock, news: this.#news, waitMs });
  }

  /** As `getBuffer`; bytes that are no UTF-8 come as U+FFFD. */
  async get<Made extends Bytes | null>(
    key: Bytes,
    compute: Compute<Made>,
    options: StampedeGetOptions,
  ): Promise<string | Extract<Made, null>> {
    const value = await this.getBuffer(key, compute, options);
    return value === null ? value : value.toString();
  }

  /**
   * The value of `key`, or what `compute` makes of it, which is stored for `ttlMs`. With `null` nothing is stored, and the
   * next who wait try.
   *
   * Throws: what `compute` throws, the driver's errors, the reason of `signal`; TypeError, RangeError for the arguments.
   */
  async getBuffer<Made extends Bytes | null>(
    key: Bytes,
    compute: Compute<Made>,
    options: StampedeGetOptions,
  ): Promise<Buffer | Extract<Made, null>> {
    checkedKey(key);
    checkedFunction(compute, "compute");
    const given = checkedOptions(options, ["ttlMs", "signal"]);
    const ttlMs = checkedTtl(given.ttlMs);
    const signal = checkedSignal(given.signal);
    this.#checkOpen();
    signal?.throwIfAborted();
    const found = (await abortable(this.#commands.run("GET", key), signal)) as Buffer | null;
    if (found !== null) {
      this.#hits++;
      return found;
    }
    const value = await this.#flights.run(keyIdOf(key), signal, async (flight) => {
      const make = async () => {
        const made = await computed(compute, flight);
        return made === null ? null : { value: made, ttlMs, onlyNew: true };
      };
      return (await this.#miss.get(key, make, flight.signal)).value;
    });
    // It is null only where a `compute` for this key gave null. Each caller gets bytes of his own.
    return value === null ? (value as Extract<Made, null>) : Buffer.from(bytesOf(value));
  }

  /**
   * Deletes the value. What is being computed meanwhile, here or elsewhere, is given to who waits for it, and not stored.
   *
   * Returns: whether there was a value. Throws: the driver's errors.
   */
  async delete(key: Bytes): Promise<boolean> {
    checkedKey(key);
    this.#checkOpen();
    this.#flights.forget(keyIdOf(key));
    return await this.#lock.delete(this.#lock.placeOf(key));
  }

  get stats(): StampedeLockStats {
    return { hits: this.#hits, ...this.#miss.stats };
  }

  /** Closes the second connection. Calls under way end as they would, those from now on reject. */
  close(): void {
    this.#isClosed = true;
    this.#news.close();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error("StampedeLock: it is closed");
  }
}
