import type { Clock } from "../../runtime/clock.ts";
import { unrefClock } from "../unref-clock.ts";
import { abortable } from "./abortable.ts";
import { checkedKey, checkedOptions, checkedSignal, checkedTtlOrNone, checkedValue } from "./arguments.ts";
import { CachedReads, type HotRead } from "./cached-reads.ts";
import { bufferOf, type Held, textOf } from "./cached-values.ts";
import { type Bytes, bytesOf, type Commands, commandsOf } from "./commands.ts";
import { type CachedHotKey, hotKeysOf } from "./local-cache-hot-keys.ts";
import {
  type LocalCacheOptions,
  type LocalCacheSettings,
  localCacheSettings,
} from "./local-cache-options.ts";
import { primariesOf } from "./tracking/primaries.ts";
import type { PrimaryState } from "./tracking/tracked-primary.ts";
import { Tracking } from "./tracking/tracking.ts";

/** Now, and sums since the start. */
export interface LocalCacheStats {
  /** Reads that were answered by a value kept here. */
  readonly hits: number;
  /** All other reads. */
  readonly misses: number;
  /** Misses that joined a read of the same hot key which was under way. */
  readonly coalesced: number;
  /** Hits behind which a value that neared its end was read anew. */
  readonly refreshes: number;
  /** Reads that Redis never saw: `hits` + `coalesced` - `refreshes`. */
  readonly absorbed: number;
  /** Keys whose value, kept or under way, was dropped because they were written or named to `invalidate`. */
  readonly invalidations: number;
  /** Times that everything was dropped. */
  readonly flushes: number;
  /** Values kept, also those that have run out and were not asked for since. */
  readonly entries: number;
  /** What they take, with their keys, at most. */
  readonly bytes: number;
  /** Hottest first; at most 100. */
  readonly currentHotKeys: readonly CachedHotKey[];
  readonly tracking: TrackingState;
}

/**
 * Whether the server tells of writes. `connecting`: not yet; `lost`: some connection is, and is made anew; `refused`: by
 * the server, for want of rights perhaps. In all but `on` values go by their TTL alone.
 */
export type TrackingState = "off" | PrimaryState;

/**
 * Values of hot keys in this process, for a short time.
 *
 * Consistency: a value may be as old as `ttlMs` * (1 + `jitter`), counted from when its read was sent, 1.2 s by default;
 * while the key is hot it is read anew, behind a read that it answers, when it is `ttlMs` old or a little younger.
 * Writes by this object are seen by its next read. Writes by anything else, `redis` itself included, are seen when the
 * value has run out, or with `tracking` as soon as the server's word of them is here. Two reads of a key, by two
 * processes, may see a newer value first and an older one then.
 *
 * Cost: a hit takes no command, and a quarter of a microsecond. Memory: `maxBytes`, and up to 5 MiB for the rates of keys.
 * Throws: TypeError, RangeError for bad options. Every call rejects with those for its own arguments.
 */
export class LocalCache {
  readonly #commands: Commands;
  readonly #settings: LocalCacheSettings;
  readonly #reads: CachedReads;
  #tracking: Tracking | null;
  readonly #clock: Clock;
  #hasWarned = false;

  constructor(redis: object, options: LocalCacheOptions = {}, clock: Clock = unrefClock) {
    this.#commands = commandsOf(redis);
    this.#settings = localCacheSettings(options);
    this.#clock = clock;
    this.#reads = new CachedReads(
      this.#settings,
      {
        isHot: (key, perSecond) => this.#isHot(key, perSecond),
        read: (key) => this.#read(key),
        readHot: (key) => this.#readHot(key),
        onAbsorbed: (key) => this.#settings.observation?.record(this.#commands.fullKey(key), "absorbed"),
      },
      clock,
    );
    this.#tracking = this.#settings.tracking === null ? null : this.#newTracking(redis);
  }

  /** GET. `null`: there is no such key. Bytes that are not UTF-8 read as U+FFFD; `getBuffer` gives them as they are. */
  async get(key: Bytes, options?: { readonly signal?: AbortSignal | undefined }): Promise<string | null> {
    const held = this.#held(key, options);
    return textOf(held instanceof Promise ? await held : held);
  }

  /** A Buffer of the caller's own. */
  async getBuffer(
    key: Bytes,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Buffer | null> {
    const held = this.#held(key, options);
    return bufferOf(held instanceof Promise ? await held : held);
  }

  /**
   * SET, for `ttlMs` where given. The value is read anew by the next `get`. When it rejects the value may have been set
   * or not; a driver that sends it later than that leaves a value of up to `ttlMs` * (1 + `jitter`) of age here.
   */
  async set(
    key: Bytes,
    value: Bytes,
    options?: { readonly ttlMs?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    checkedKey(key);
    checkedValue(value);
    const { ttlMs, signal } = checkedOptions(options, ["ttlMs", "signal"]);
    const keptMs = checkedTtlOrNone(ttlMs);
    const until = keptMs === null ? [] : ["PX", keptMs];
    await this.#write(key, checkedSignal(signal), () => this.#commands.run("SET", key, value, ...until));
  }

  /** DEL. Returns whether there was such a key. */
  async delete(key: Bytes, options?: { readonly signal?: AbortSignal | undefined }): Promise<boolean> {
    checkedKey(key);
    const { signal } = checkedOptions(options, ["signal"]);
    return Number(await this.#write(key, checkedSignal(signal), () => this.#commands.run("DEL", key))) > 0;
  }

  /** Forgets values of keys here, after they were written by something else; Redis is not asked. */
  invalidate(...keys: readonly Bytes[]): void {
    for (const key of keys) checkedKey(key);
    for (const key of keys) this.#reads.drop(key);
  }

  /** Forgets all values. */
  clear(): void {
    this.#reads.dropAll();
  }

  get stats(): LocalCacheStats {
    const { hits, misses, coalesced, refreshes, invalidations, flushes } = this.#reads.counts;
    return {
      hits,
      misses,
      coalesced,
      refreshes,
      absorbed: hits + coalesced - refreshes,
      invalidations,
      flushes,
      entries: this.#reads.size,
      bytes: this.#reads.bytes,
      currentHotKeys: hotKeysOf(this.#reads.rates(), (key, perSecond) => this.#isHot(key, perSecond)),
      tracking: this.#tracking?.state ?? "off",
    };
  }

  /** Gives memory and connections back; those of tracking stay when the client is closed. Every `get` is a GET from then on. */
  close(): void {
    this.#tracking?.close();
    this.#tracking = null;
    this.#reads.close();
  }

  #held(key: Bytes, options: unknown): Held | Promise<Held> {
    checkedKey(key);
    if (options === undefined) return this.#reads.read(key);
    const signal = checkedSignal(checkedOptions(options, ["signal"]).signal);
    signal?.throwIfAborted();
    const held = this.#reads.read(key);
    return held instanceof Promise ? abortable(held, signal) : held;
  }

  #isHot(key: Bytes, perSecond: number): boolean {
    const { hotThreshold, hotSet } = this.#settings;
    if (hotThreshold !== null && perSecond >= hotThreshold) return true;
    return hotSet?.has(this.#commands.fullKey(key)) === true;
  }

  #write(key: Bytes, signal: AbortSignal | null, run: () => Promise<unknown>): Promise<unknown> {
    signal?.throwIfAborted();
    // Before, as the server may have the new value long before it says so; after, as a read meanwhile may have got either.
    this.#reads.drop(key);
    return abortable(
      run().finally(() => this.#reads.drop(key)),
      signal,
    );
  }

  async #read(key: Bytes): Promise<Buffer | null> {
    return (await this.#commands.run("GET", key)) as Buffer | null;
  }

  async #readHot(key: Bytes): Promise<HotRead> {
    const fullKey = bytesOf(this.#commands.fullKey(key));
    const readTracked = this.#tracking?.readerOf(fullKey) ?? null;
    if (readTracked === null) return { reply: await this.#read(key), mayKeep: true };
    try {
      return { reply: await readTracked(fullKey), mayKeep: true };
    } catch {
      // The connection is lost, or the key is another server's by now: the app's own client knows how to go on. What
      // that reads is not tracked; the next read may be.
      return { reply: await this.#read(key), mayKeep: false };
    }
  }

  #newTracking(redis: object): Tracking {
    const { keyPrefix } = this.#commands;
    return new Tracking(
      primariesOf(redis),
      { ...this.#settings.tracking!, keyPrefix },
      {
        onInvalidated: (fullKeys) => {
          for (const fullKey of fullKeys) this.#reads.drop(fullKey.subarray(keyPrefix.length));
        },
        onFlush: () => this.#reads.dropAll(),
        onRefused: (reason) => this.#warn(reason),
      },
      this.#clock,
    );
  }

  #warn(reason: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `Redis refuses to tell a LocalCache of writes, so values go by their TTL: ${reason}`,
      {
        type: "KeyheatWarning",
        code: "KEYHEAT_TRACKING",
      },
    );
  }
}
