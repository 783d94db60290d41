import { unrefClock } from "../unref-clock.ts";
import { abortable } from "./abortable.ts";
import {
  checkedFunction,
  checkedKey,
  checkedOptions,
  checkedSignal,
  checkedTtl,
  checkedValue,
} from "./arguments.ts";
import { type Bytes, type Commands, commandsOf } from "./commands.ts";
import { type Compute, computed } from "./computed-value.ts";
import { disclose, type Enclosed, enclose } from "./early-refresh/envelope.ts";
import { FleetRecompute } from "./early-refresh/fleet-recompute.ts";
import { Pauses } from "./early-refresh/pauses.ts";
import type { Peeked } from "./early-refresh/peeked.ts";
import { ProcessRecompute } from "./early-refresh/process-recompute.ts";
import { ELSEWHERE, type MakeValue, type Outcome, type Recompute } from "./early-refresh/recompute.ts";
import {
  type CheckedOptions,
  checkedDelta,
  checkedRefreshOptions,
  type EarlyRefreshOptions,
  type RefreshGetOptions,
  type RefreshSetOptions,
} from "./early-refresh/refresh-options.ts";
import { isRefreshDue } from "./early-refresh/xfetch.ts";
import { keyIdOf } from "./key-id.ts";
import { type Flight, SharedFlights } from "./shared-flights.ts";

export type { Peeked } from "./early-refresh/peeked.ts";
export type {
  EarlyRefreshOptions,
  RefreshGetOptions,
  RefreshSetOptions,
} from "./early-refresh/refresh-options.ts";

export interface EarlyRefreshStats {
  /** Values that were there. */
  readonly hits: number;
  readonly misses: number;
  /** Recomputes in the background that were begun. */
  readonly refreshes: number;
  /** Of those: failed. */
  readonly refreshErrors: number;
  /** Of those: left to another process of the fleet. */
  readonly leftToOthers: number;
}

/** What PTTL says of a key that there is not. */
const GONE = -2;

/** A key whose recompute failed is let alone for as long as that took, at least so long. */
const FAILED_PAUSE_MS = 1000;
/** Until the other process is asked about again. */
const ELSEWHERE_PAUSE_MS = 100;

/**
 * A cache in Redis whose values are recomputed shortly before they expire, in the background, by few of those who read.
 *
 * A read of a value that has r ms left, and took d ms to compute, triggers a recompute with probability
 * exp(-r / (beta * d)): never all at once, the earlier the more often the key is read, and hardly ever for a key that is
 * not. Source: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8), 2015.
 *
 * Consistency: a value is as old as its `ttlMs` allows. What this process sets or deletes is not overwritten by what it was
 * computing then; with `fleet` neither by what others were computing. Values are stored with a head of 8 bytes, so other
 * readers see `KHR1` and 4 bytes first; a value without that head is given as it is, and not refreshed early.
 *
 * Errors: those of the driver reject, nothing is computed then; those of `compute` reject where the value is missing, and
 * where it is not, the old value stays until it expires (`stats`, `onError`).
 */
export class EarlyRefresh {
  readonly #commands: Commands;
  readonly #options: CheckedOptions;
  readonly #recompute: Recompute;
  readonly #clock = unrefClock;
  readonly #flights = new SharedFlights<Outcome>();
  readonly #pauses = new Pauses(this.#clock);
  readonly #closing = new AbortController();
  readonly #stats = { hits: 0, misses: 0, refreshes: 0, refreshErrors: 0, leftToOthers: 0 };

  /**
   * `redis`: a client of ioredis or node-redis; of a cluster too.
   *
   * Throws: TypeError, RangeError for options that make no sense.
   */
  constructor(redis: object, options: EarlyRefreshOptions) {
    this.#options = checkedRefreshOptions(options);
    this.#commands = commandsOf(redis);
    const { fleet } = this.#options;
    this.#recompute =
      fleet === null
        ? new ProcessRecompute(this.#commands)
        : new FleetRecompute(redis, this.#commands, fleet);
  }

  /** As `getBuffer`; bytes that are no UTF-8 come as U+FFFD. */
  async get<Made extends Bytes | null>(
    key: Bytes,
    compute: Compute<Made>,
    options?: RefreshGetOptions,
  ): Promise<string | Extract<Made, null>> {
    const value = await this.getBuffer(key, compute, options);
    return value === null ? value : value.toString();
  }

  /**
   * The value of `key`: at once where there is one, be it that it is recomputed behind; else what `compute` gives, which is
   * stored. `null`: `compute` gave null, there is nothing to cache.
   *
   * Throws: where there is no value, what `compute` throws; the driver's errors, the reason of `signal`; TypeError,
   * RangeError for the arguments.
   */
  async getBuffer<Made extends Bytes | null>(
    key: Bytes,
    compute: Compute<Made>,
    options?: RefreshGetOptions,
  ): Promise<Buffer | Extract<Made, null>> {
    const call = this.#checkedCall(key, compute, options);
    const found = await abortable(this.#read(key), call.signal);
    if (found !== null) {
      this.#stats.hits++;
      if (this.#isDue(found)) this.#refreshBehind(call, found.ttlMs);
      return found.value;
    }
    this.#stats.misses++;
    const value = await this.#missing(call);
    // It is null only where a `compute` for this key gave null.
    return value ?? (value as Extract<Made, null>);
  }

  /** As `peekBuffer`; bytes that are no UTF-8 come as U+FFFD. */
  async peek(key: Bytes): Promise<Peeked<string>> {
    const peeked = await this.peekBuffer(key);
    return { ...peeked, value: peeked.value === null ? null : peeked.value.toString() };
  }

  /**
   * The value as it is, and whether this reader should recompute it, for those who schedule that themselves and call
   * `refresh`. A missing value should be.
   */
  async peekBuffer(key: Bytes): Promise<Peeked<Buffer>> {
    checkedKey(key);
    this.#checkOpen();
    const found = await this.#read(key);
    if (found === null) return { value: null, shouldRefresh: true, ttlMs: null, deltaMs: null };
    const { value, ttlMs, deltaMs } = found;
    return { value, shouldRefresh: this.#isDue(found), ttlMs: ttlMs < 0 ? null : ttlMs, deltaMs };
  }

  /**
   * Recomputes now, whatever there is, unless this process (with `fleet`: any process) is at it.
   *
   * Returns: whether a new value was stored. Throws: what `compute` throws; the driver's errors, the reason of `signal`.
   */
  async refresh(key: Bytes, compute: Compute, options?: RefreshGetOptions): Promise<boolean> {
    const { id, signal, make } = this.#checkedCall(key, compute, options);
    const outcome = await this.#flights.run(id, signal, (flight) =>
      this.#recompute.refresh(key, () => make(flight), Number.MAX_SAFE_INTEGER, flight),
    );
    return outcome !== ELSEWHERE && outcome.isStored;
  }

  /** Stores a value that took `deltaMs` to compute. What this process is computing for the key is not stored any more. */
  async set(key: Bytes, value: Bytes, options: RefreshSetOptions): Promise<void> {
    checkedKey(key);
    checkedValue(value);
    const given = checkedOptions(options, ["deltaMs", "ttlMs"]);
    const envelope = enclose(value, checkedDelta(given.deltaMs));
    const ttlMs = given.ttlMs === undefined ? this.#options.ttlMs : checkedTtl(given.ttlMs);
    this.#checkOpen();
    this.#outdate(key);
    await this.#recompute.set(key, { envelope, ttlMs });
  }

  /** Returns: whether there was a value. What this process is computing for the key is not stored any more. */
  async delete(key: Bytes): Promise<boolean> {
    checkedKey(key);
    this.#checkOpen();
    this.#outdate(key);
    return await this.#recompute.delete(key);
  }

  get stats(): EarlyRefreshStats {
    return { ...this.#stats };
  }

  /** Ends what goes on in the background. Calls under way end as they would, those from now on reject. */
  close(): void {
    this.#closing.abort(new Error("EarlyRefresh: it was closed"));
    this.#recompute.close();
  }

  /**
   * Two commands in one round trip, and the server's clock alone. A script would do it in one moment, but measured at nine
   * times the server's time, as Lua copies the value. Of a value that is replaced in between, the new one's time is known:
   * nobody recomputes it again.
   */
  async #read(key: Bytes): Promise<Found | null> {
    const [stored, ttlMs] = await Promise.all([
      this.#commands.run("GET", key) as Promise<Buffer | null>,
      this.#commands.run("PTTL", key) as Promise<number>,
    ]);
    if (stored === null) return null;
    return { ...disclose(stored), ttlMs: ttlMs === GONE ? 0 : ttlMs };
  }

  #isDue({ ttlMs, deltaMs }: Found): boolean {
    return deltaMs !== null && isRefreshDue({ ttlMs, deltaMs }, this.#options.beta, Math.random());
  }

  async #missing({ key, id, signal, make }: Call): Promise<Buffer | null> {
    for (;;) {
      const outcome = await this.#flights.run(id, signal, (flight) =>
        this.#recompute.miss(key, () => make(flight), flight),
      );
      // This was a refresh begun while there was a value, and left to another process.
      if (outcome === ELSEWHERE) continue;
      // Each caller gets bytes of his own.
      return outcome.envelope === null ? null : Buffer.from(disclose(outcome.envelope).value);
    }
  }

  #refreshBehind(call: Call, seenTtlMs: number): void {
    const { key, id, make } = call;
    const isClosed = this.#closing.signal.aborted;
    if (isClosed || this.#flights.isUnderWay(id) || this.#pauses.isOn(id)) return;
    this.#stats.refreshes++;
    const startMs = this.#clock.monotonic();
    const refreshing = this.#flights.run(id, this.#closing.signal, (flight) =>
      this.#recompute.refresh(key, () => make(flight), seenTtlMs, flight),
    );
    const tookMs = () => this.#clock.monotonic() - startMs;
    refreshing.then(
      (outcome) => this.#refreshed(id, outcome, tookMs()),
      (error: unknown) => this.#refreshFailed(call, error, tookMs()),
    );
  }

  #refreshed(id: string, outcome: Outcome, tookMs: number): void {
    if (outcome === ELSEWHERE) {
      this.#stats.leftToOthers++;
      this.#pauses.begin(id, ELSEWHERE_PAUSE_MS);
    } else if (outcome.envelope === null) {
      this.#pauses.begin(id, Math.max(FAILED_PAUSE_MS, tookMs));
    }
  }

  #refreshFailed({ key, id }: Call, error: unknown, tookMs: number): void {
    if (this.#closing.signal.aborted) return;
    this.#stats.refreshErrors++;
    this.#pauses.begin(id, Math.max(FAILED_PAUSE_MS, tookMs));
    const tell = async () => await this.#options.onError(error, key);
    // Nobody waits for a refresh in the background.
    tell().catch(() => {});
  }

  #outdate(key: Bytes): void {
    const id = keyIdOf(key);
    this.#flights.forget(id);
    this.#pauses.end(id);
  }

  #checkedCall(key: Bytes, compute: Compute, options: RefreshGetOptions | undefined): Call {
    checkedKey(key);
    checkedFunction(compute, "compute");
    const given = checkedOptions(options, ["ttlMs", "signal"]);
    const ttlMs = given.ttlMs === undefined ? this.#options.ttlMs : checkedTtl(given.ttlMs);
    const signal = checkedSignal(given.signal);
    this.#checkOpen();
    signal?.throwIfAborted();
    const make = async (flight: Flight) => {
      const startMs = this.#clock.monotonic();
      const value = await computed(compute, flight);
      if (value === null) return null;
      return { envelope: enclose(value, this.#clock.monotonic() - startMs), ttlMs };
    };
    return { key, id: keyIdOf(key), signal, make };
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new Error("EarlyRefresh: it is closed");
  }
}

interface Found extends Enclosed {
  readonly ttlMs: number;
}

interface Call {
  readonly key: Bytes;
  readonly id: string;
  readonly signal: AbortSignal | null;
  make(flight: Flight): ReturnType<MakeValue>;
}
