import type { Clock } from "../../runtime/clock.ts";
import { type CachedValue, CachedValues, type Held, heldOf } from "./cached-values.ts";
import type { Bytes } from "./commands.ts";
import { keyIdOf, keyOfId } from "./key-id.ts";
import { ReadRates } from "./read-rates.ts";

/** Of `ttlMs` * `jitter`: how long after a try to read a value anew the next one is made, at most eight in all. */
const RETRY_SHARE = 1 / 4;

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
  readonly sentMs: number;
  readonly held: Promise<Held>;
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
 * Who asks later than `ttlMs` * (1 + `jitter`) after a read was sent, or after its key was dropped, does not get what that
 * read gives: neither kept, nor by joining it.
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
  /** Those whose values are kept, and shared by who asks meanwhile. */
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
      const isDue = nowMs >= value.refreshMs && !this.#pending.has(id);
      // The read behind it is seen in its place.
      if (isDue && this.#source.isHot(key, perSecond)) this.#refresh(id, value, nowMs);
      else this.#source.onAbsorbed(key);
      return value.held;
    }
    this.counts.misses++;
    if (!this.#source.isHot(key, perSecond)) return this.#source.read(key).then(heldOf);
    const pending = this.#pending.get(id);
    // What it gives may be as old as itself.
    if (pending === undefined || nowMs >= this.#endOf(pending.sentMs)) return this.#readHot(id, nowMs);
    this.counts.coalesced++;
    this.#source.onAbsorbed(key);
    return pending.held;
  }

  /** Forgets the key's value, also that of a read under way. */
  drop(key: Bytes): void {
    const id = keyIdOf(key);
    const wasKept = this.#values.delete(id);
    const wasPending = this.#pending.delete(id);
    if (wasKept || wasPending) this.counts.invalidations++;
  }

  dropAll(): void {
    this.counts.flushes++;
    this.#values.clear();
    this.#pending.clear();
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

  #refresh(id: string, value: CachedValue, nowMs: number): void {
    this.counts.refreshes++;
    const { ttlMs, jitter } = this.#settings;
    // A server that refuses at once is not asked with every read.
    value.refreshMs = nowMs + ttlMs * jitter * RETRY_SHARE;
    // Where it fails the value stays until its end, and who reads it then is told.
    this.#readHot(id, nowMs).catch(() => {});
  }

  #readHot(id: string, sentMs: number): Promise<Held> {
    const isPending = () => this.#pending.get(id) === pending;
    // The caller's own bytes may change once it has its answer.
    const held = this.#source
      .readHot(keyOfId(id))
      .then(({ reply, mayKeep }) => {
        const got = heldOf(reply);
        if (mayKeep && isPending()) this.#values.set(id, this.#valueOf(got, sentMs));
        return got;
      })
      .finally(() => {
        if (isPending()) this.#pending.delete(id);
      });
    const pending: PendingRead = { sentMs, held };
    this.#pending.set(id, pending);
    return held;
  }

  /** Its age counts from when it was asked for: the server may have answered at any time since. */
  #valueOf(held: Held, sentMs: number): CachedValue {
    const { ttlMs, jitter } = this.#settings;
    return { held, refreshMs: sentMs + ttlMs * (1 - jitter * this.#random()), untilMs: this.#endOf(sentMs) };
  }

  #endOf(sentMs: number): number {
    const { ttlMs, jitter } = this.#settings;
    return sentMs + ttlMs * (1 + jitter);
  }
}
