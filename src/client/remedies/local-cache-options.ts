import type { AccessKind } from "../access-kind.ts";
import { checkedCount, checkedOptions, checkedTtl, checkedWithMethod } from "./arguments.ts";
import type { CachedReadsSettings } from "./cached-reads.ts";
import type { HotKeySource } from "./hot-key-source.ts";

const TTL_MS = 1000;
const JITTER = 0.2;
const ENTRIES = { min: 1, max: 2 ** 24, fallback: 10_000 };
const BYTES = { min: 4096, max: Number.MAX_SAFE_INTEGER, fallback: 16 * 1024 * 1024 };
const HOT_THRESHOLD = { min: 1, max: 1_000_000_000, fallback: 100 };
const PREFIXES_MAX = 1000;
const KNOWN = [
  "ttlMs",
  "maxEntries",
  "maxBytes",
  "hotThreshold",
  "jitter",
  "tracking",
  "hotSet",
  "observation",
] as const;

export interface LocalCacheOptions {
  /** How old a value becomes, in ms, before it is read anew. Default 1,000. */
  readonly ttlMs?: number | undefined;
  /**
   * A value is read anew after `ttlMs` times a number drawn from 1 - jitter to 1, so that values read together are not
   * again, at most eight times; while that fails, or for a key that is hardly read any more, it is given out for up to `ttlMs` * (1 + jitter).
   * From 0 to below 1; default 0.2.
   */
  readonly jitter?: number | undefined;
  /** Values kept at most. Default 10,000. */
  readonly maxEntries?: number | undefined;
  /** What they and their keys take at most, in bytes; a value of more than an eighth of it is not kept. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** Reads a second, by this cache, from which a key is hot. Default 100; given with `hotSet`, either is enough. */
  readonly hotThreshold?: number | undefined;
  /**
   * Decides which keys are hot, in place of the cache's own counter. Is asked at each read that is no hit, by the key as
   * the server has it.
   */
  readonly hotSet?: HotKeySource | undefined;
  /** Lets the server tell of keys that are written. `true`: `{ mode: "default" }`. Clients of ioredis only. */
  readonly tracking?: boolean | TrackingOptions | undefined;
  /** What `observe` returned for the client: it is told of reads that the cache answers, by the key as the server has it. */
  readonly observation?: AbsorbedListener | undefined;
}

export interface TrackingOptions {
  /**
   * `default`: the server remembers the hot keys that this cache reads, on a connection of its own. `broadcast`: the
   * server tells of every write of a key, and remembers nothing.
   */
  readonly mode?: "default" | "broadcast" | undefined;
  /** In `broadcast`: of keys that begin so only, none with the beginning of another. Left out: of all. */
  readonly prefixes?: readonly string[] | undefined;
}

/** Part of `Observation`. */
export interface AbsorbedListener {
  record(key: string | Uint8Array, kind?: AccessKind, weight?: number): void;
}

export interface TrackingSettings {
  readonly mode: "default" | "broadcast";
  readonly prefixes: readonly string[];
}

export interface LocalCacheSettings extends CachedReadsSettings {
  /** `null`: only the hot set decides. */
  readonly hotThreshold: number | null;
  readonly hotSet: HotKeySource | null;
  readonly tracking: TrackingSettings | null;
  readonly observation: AbsorbedListener | null;
}

/** Throws: TypeError or RangeError that names the option. */
export function localCacheSettings(given: unknown): LocalCacheSettings {
  const options = checkedOptions(given, KNOWN);
  const { hotThreshold } = options;
  const hotSet = checkedWithMethod<HotKeySource>(options.hotSet, "hotSet", "has");
  return {
    ttlMs: options.ttlMs === undefined ? TTL_MS : checkedTtl(options.ttlMs),
    jitter: checkedJitter(options.jitter),
    maxEntries: checkedCount(options.maxEntries, "maxEntries", ENTRIES),
    maxBytes: checkedCount(options.maxBytes, "maxBytes", BYTES),
    hotThreshold:
      hotSet !== null && hotThreshold === undefined
        ? null
        : checkedCount(hotThreshold, "hotThreshold", HOT_THRESHOLD),
    hotSet,
    tracking: checkedTracking(options.tracking),
    observation: checkedWithMethod<AbsorbedListener>(options.observation, "observation", "record"),
  };
}

function checkedJitter(jitter: unknown): number {
  if (jitter === undefined) return JITTER;
  if (typeof jitter !== "number") throw new TypeError("jitter: expected a number");
  if (!(jitter >= 0 && jitter < 1)) throw new RangeError(`jitter: expected from 0 to below 1, got ${jitter}`);
  return jitter;
}

function checkedTracking(tracking: unknown): TrackingSettings | null {
  if (tracking === undefined || tracking === false) return null;
  if (tracking === true) return { mode: "default", prefixes: [] };
  if (typeof tracking !== "object") throw new TypeError("tracking: expected true, false or an object");
  const { mode = "default", prefixes } = checkedOptions(tracking, ["mode", "prefixes"]);
  if (mode !== "default" && mode !== "broadcast") {
    throw new TypeError('tracking.mode: expected "default" or "broadcast"');
  }
  if (prefixes === undefined) return { mode, prefixes: [] };
  if (mode === "default") {
    throw new TypeError(
      'tracking.prefixes: only for mode "broadcast": otherwise each key is tracked by itself',
    );
  }
  return { mode, prefixes: checkedPrefixes(prefixes) };
}

function checkedPrefixes(prefixes: unknown): string[] {
  const isText = (prefix: unknown) => typeof prefix === "string";
  if (!Array.isArray(prefixes) || !prefixes.every(isText)) {
    throw new TypeError("tracking.prefixes: expected a list of strings");
  }
  if (prefixes.length === 0 || prefixes.length > PREFIXES_MAX || prefixes.includes("")) {
    throw new RangeError(
      `tracking.prefixes: expected 1 to ${PREFIXES_MAX}, none empty; leave it out for all keys`,
    );
  }
  // A server refuses them.
  const sorted = [...prefixes].sort();
  const at = sorted.findIndex((prefix, index) => sorted[index + 1]?.startsWith(prefix));
  if (at !== -1) {
    throw new RangeError(
      `tracking.prefixes: ${sorted[at]} is the beginning of ${sorted[at + 1]}: leave one out`,
    );
  }
  return prefixes;
}
