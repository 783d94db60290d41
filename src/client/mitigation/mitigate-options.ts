import { compileGlobs } from "../../model/glob.ts";
import { checkedOptions } from "../remedies/arguments.ts";
import { localCacheSettings, type TrackingOptions } from "../remedies/local-cache-options.ts";

/** Without word of writes a value's age is all that bounds how wrong it may be. */
const UNTRACKED_TTL_MS = 500;
const TRACKED_TTL_MS = 1000;
const GLOBS_MAX = 100;
const OF_CACHE = ["ttlMs", "maxEntries", "maxBytes", "tracking"] as const;
const KNOWN = [...OF_CACHE, "exclude", "cluster"] as const;

export interface MitigateOptions {
  /** How long a value is kept, in ms; at most 1.2 times it. Default 1,000 with `tracking`, 500 without. */
  readonly ttlMs?: number | undefined;
  /** Values kept at most. Default 10,000. */
  readonly maxEntries?: number | undefined;
  /** What they and their keys take at most, in bytes. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** Lets the server tell of keys that are written, as in `LocalCache`. Default `true` with ioredis; others cannot. */
  readonly tracking?: boolean | TrackingOptions | undefined;
  /** Globs of keys, as the server has them, that are never answered here. At most 100. */
  readonly exclude?: readonly string[] | undefined;
  /** Name of the client's cluster, as the agent has it. Left out: leases of all clusters that the agent tells of count. */
  readonly cluster?: string | undefined;
}

export interface MitigateSettings {
  /** `null`: as it fits `tracking`. */
  readonly ttlMs: number | null;
  readonly maxEntries: number | undefined;
  readonly maxBytes: number | undefined;
  /** `null`: where the client can. */
  readonly tracking: boolean | TrackingOptions | null;
  readonly isExcluded: (fullKey: Uint8Array) => boolean;
  readonly cluster: string | undefined;
}

/** `null`: off. Throws: TypeError or RangeError that names the option. */
export function mitigateSettings(given: unknown, hasAgent: boolean): MitigateSettings | null {
  if (given === undefined || given === false) return null;
  if (given !== true && (typeof given !== "object" || given === null || Array.isArray(given))) {
    throw new TypeError(`mitigate: expected true, false or an object with ${KNOWN.join(", ")}`);
  }
  if (!hasAgent) {
    throw new TypeError("mitigate: needs agent, which tells which keys may be answered from memory");
  }
  const { exclude, cluster, ...ofCache } = checkedOptions(given === true ? undefined : given, KNOWN);
  localCacheSettings(ofCache);
  const { ttlMs, maxEntries, maxBytes, tracking } = ofCache as MitigateOptions;
  return {
    ttlMs: ttlMs ?? null,
    maxEntries,
    maxBytes,
    tracking: tracking ?? null,
    isExcluded: compileGlobs(checkedGlobs(exclude)),
    cluster: checkedCluster(cluster),
  };
}

/** What is kept how long, where writes are told of or not. */
export function ttlMsOf({ ttlMs }: MitigateSettings, isTracked: boolean): number {
  return ttlMs ?? (isTracked ? TRACKED_TTL_MS : UNTRACKED_TTL_MS);
}

function checkedGlobs(exclude: unknown): readonly string[] {
  if (exclude === undefined) return [];
  if (!Array.isArray(exclude) || !exclude.every((glob) => typeof glob === "string")) {
    throw new TypeError("exclude: expected a list of globs");
  }
  if (exclude.length > GLOBS_MAX || exclude.includes("")) {
    throw new RangeError(`exclude: expected at most ${GLOBS_MAX} globs, none empty`);
  }
  return exclude;
}

function checkedCluster(cluster: unknown): string | undefined {
  if (cluster === undefined) return undefined;
  if (typeof cluster !== "string") throw new TypeError("cluster: expected a name");
  if (cluster === "") throw new RangeError("cluster: must not be empty");
  return cluster;
}
