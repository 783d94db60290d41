import type { Clock } from "../../runtime/clock.ts";
import { CachedValues, type Held, heldOf } from "./cached-values.ts";
import type { Bytes } from "./commands.ts";
import { keyIdOf } from "./key-id.ts";
import { ReadRates } from "./read-rates.ts";
import { SingleFlight } from "./single-flight.ts";

export interface CachedReadsSettings {
  readonly ttlMs: number;
  /** A value is read anew after `ttlMs` times 1 - `jitter` to 1, and given out until `ttlMs` * (1 + `jitter`) at most. */
  readonly jitter: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Where values come from, and who decides on keys. */
export interface ReadSource {
  /** Whether values of the key are kept; `perSecond`: reads of it, by now. */
  isHot(key: Bytes, perSecond: number): boolean;
  read(key: Bytes): Promise<Buffer | null>;
  readHot(key: Bytes): Promise<HotRead>;
  /** A read that was answered without one of its own. */
  onAbsorbed(key: Bytes): void;
}

/** A read whose value is to be kept, if it may. */
export interface HotRead {
  readonly reply: Buffer | null;
  readonly mayKeep: boolean;
}

/** Such a read under way. */
interface PendingRead {
  /** The value may be older than what the key was dropped for. */
  isOvertaken: boolean;
}

/** Sums since the start. */
export interface ReadCounts {
  hits: number;
  misses: number;
  coalesced: number;
  refreshes: number;
  invalidations: number;
  flushes: number;
}

/**
 * Values of hot keys, kept for a short time. One that nears its end is read anew behind a read that it answers, so that
 * as long as the key is hot nobody waits for it.
 *
 * No value is given out later than `ttlMs` * (1 + `jitter`) after its read was sent, or after its key was dropped: what is
 * read meanwhile is not kept then, and who asks later does not join that read.
 */
export class CachedReads {
  readonly counts: ReadCounts = {
    hits: 0,
    misses: 0,
    coalesced: 0,
    refreshes: 0,
    invalidations: 0,
    flushes: 0,
  };
  readonly #settings: CachedReadsSettings;
  readonly #source: ReadSource;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #values: CachedValues;
  readonly #rates = new ReadRates();
  readonly #flights = new SingleFlight<Held>();
  readonly #pending = new Map<string, PendingRead>();
  #isClosed = false;

  constructor(settings: CachedReadsSettings, source: ReadSource, clock: Clock, random = Math.random) {
    this.#settings = settings;
    this.#source = source;
    this.#clock = clock;
    this.#random = random;
    this.#values = new CachedValues(settings.maxEntries, settings.maxBytes);
  }

  get size(): number {
    return this.#values.size;
  }

  get bytes(): number {
    return this.#values.bytes;
  }

  read(key: Bytes): Held | Promise<Held> {
    if (this.#isClosed) return this.#source.read(key).then(heldOf);
    const nowMs = this.#clock.monotonic();
    const id = keyIdOf(key);
    const perSecond = this.#rates.count(id, nowMs);
    const value = this.#values.get(id, nowMs);
    if (value !== undefined) {
      this.counts.hits++;
      // The read behind it is seen in its place.
      if (nowMs < value.refreshMs || !this.#refresh(id, key, perSecond, nowMs)) this.#source.onAbsorbed(key);
      return value.held;
    }
    this.counts.misses++;
    if (!this.#source.isHot(key, perSecond)) return this.#source.read(key).then(heldOf);
    if (this.#flights.isUnderWay(id)) {
      this.counts.coalesced++;
      this.#source.onAbsorbed(key);
    }
    return this.#flights.run(id, () => this.#readHot(id, key, nowMs));
  }

  /** Forgets the key's value, also that of a read under way. */
  drop(key: Bytes): void {
    const id = keyIdOf(key);
    const wasKept = this.#values.delete(id);
    const wasPending = this.#overtake(id);
    if (wasKept || wasPending) this.counts.invalidations++;
  }

  dropAll(): void {
    this.counts.flushes++;
    this.#values.clear();
    for (const id of [...this.#pending.keys()]) this.#overtake(id);
  }

  /** Keys that were read lately, with their reads a second. */
  rates(): Iterable<readonly [id: string, perSecond: number]> {
    return this.#rates.rates(this.#clock.monotonic());
  }

  /** From now on every read goes to the source. */
  close(): void {
    this.#isClosed = true;
    this.dropAll();
    this.#rates.clear();
  }

  /** Returns whether the value is read anew for this call. */
  #refresh(id: string, key: Bytes, perSecond: number, nowMs: number): boolean {
    if (this.#flights.isUnderWay(id) || !this.#source.isHot(key, perSecond)) return false;
    this.counts.refreshes++;
    // Where it fails the value stays until its end, and who reads it then is told.
    this.#flights.run(id, () => this.#readHot(id, key, nowMs)).catch(() => {});
    return true;
  }

  async #readHot(id: string, key: Bytes, sentMs: number): Promise<Held> {
    const pending: PendingRead = { isOvertaken: false };
    this.#pending.set(id, pending);
    try {
      const { reply, mayKeep } = await this.#source.readHot(key);
      const held = heldOf(reply);
      // Its age counts from when it was asked for: the server may have answered at any time since.
      if (mayKeep && !pending.isOvertaken) this.#values.set(id, { held, ...this.#endsOf(sentMs) });
      return held;
    } finally {
      if (this.#pending.get(id) === pending) this.#pending.delete(id);
    }
  }

  /** Returns whether there was a read under way. */
  #overtake(id: string): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    pending.isOvertaken = true;
    this.#pending.delete(id);
    this.#flights.forget(id);
    return true;
  }

  #endsOf(sentMs: number): { readonly refreshMs: number; readonly untilMs: number } {
    const { ttlMs, jitter } = this.#settings;
    return {
      refreshMs: sentMs + ttlMs * (1 - jitter * this.#random()),
      untilMs: sentMs + ttlMs * (1 + jitter),
    };
  }
}
