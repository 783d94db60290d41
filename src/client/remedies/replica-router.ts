import { unrefClock } from "../unref-clock.ts";
import { abortable } from "./abortable.ts";
import {
  checkedCount,
  checkedKey,
  checkedOptions,
  checkedSignal,
  checkedTtlOrNone,
  checkedValue,
} from "./arguments.ts";
import { type Bytes, commandsOf } from "./commands.ts";
import type { HotKeySource } from "./hot-key-source.ts";
import { ClusterFleet } from "./router/cluster-fleet.ts";
import type { Fleet, RouterNode } from "./router/fleet.ts";
import { HotKeys } from "./router/hot-keys.ts";
import { HotReader, type RouterFallbacks } from "./router/hot-reader.ts";
import { checkedCluster, checkedRedis } from "./router/ioredis-client.ts";
import { PairFleet } from "./router/pair-fleet.ts";
import { type ReplicaStrategy, STRATEGIES } from "./router/replica-choice.ts";
import type { ShardOptions } from "./router/shard.ts";

export type { Bytes } from "./commands.ts";
export type { RouterNode } from "./router/fleet.ts";
export type { RouterFallbacks } from "./router/hot-reader.ts";
export type { ReplicaStrategy } from "./router/replica-choice.ts";

/** Clients of ioredis, which stay the app's: the router never closes them. */
export type ReplicaRouterClients =
  | { readonly primary: object; readonly replicas: readonly object[] }
  | { readonly cluster: object };

export interface ReplicaRouterOptions {
  /** At most 100,000; `addHotKey` and `removeHotKey` change them later. */
  readonly hotKeys?: Iterable<Bytes>;
  /** Globs of whole keys as `KEYS` takes them, at most 100. Of keys above 1 KiB the first 1 KiB is matched. */
  readonly hotPatterns?: Iterable<string>;
  /** Is asked at each read, with the key as the server has it: behind the clients' `keyPrefix`. */
  readonly hotSet?: HotKeySource;
  /** A replica that lacks more of the primary's replication stream is not read from. Default: 1 MiB. */
  readonly maxLagBytes?: number;
  /** Nor one that has not been where its primary was so long ago; at least two periods of checks. Default: 5,000. */
  readonly maxLagMs?: number;
  /** Default: `round-robin`. */
  readonly strategy?: ReplicaStrategy;
  /** Period of health checks. Default: 1,000. */
  readonly checkEveryMs?: number;
  /** So long a replica may take for a read, before the primary is asked, and any node for a check. Default: 1,000. */
  readonly timeoutMs?: number;
}

export interface ReplicaReadOptions {
  readonly signal?: AbortSignal;
}

export interface ReplicaSetOptions {
  /** Left out: it stays for ever. */
  readonly ttlMs?: number;
  readonly signal?: AbortSignal;
}

export interface ReplicaRouterStats {
  /** Keys read, by who answered. */
  readonly reads: { readonly replica: number; readonly primary: number };
  /** Hot keys that were read from the primary, by reason. */
  readonly fallbacks: Readonly<RouterFallbacks>;
  /** Of a cluster: those of the shards in which hot keys are read. */
  readonly nodes: readonly RouterNode[];
}

const OPTION_NAMES = [
  "hotKeys",
  "hotPatterns",
  "hotSet",
  "maxLagBytes",
  "maxLagMs",
  "strategy",
  "checkEveryMs",
  "timeoutMs",
] as const;
const REPLICAS_MAX = 100;
const OWN_WRITES_MAX = 50_000;
const DURATION_MS_MAX = 3_600_000;

/**
 * Reads hot keys from replicas, and everything else, also all writes, from and at the primary. For ioredis.
 *
 * A replica serves while its last check says so: it follows the primary that is one now, lacks at most `maxLagBytes` of
 * its replication stream, and has reached where the primary was `maxLagMs` ago. It is left out as soon as a read fails,
 * until the next good check; the primary answers that read instead, and all reads while no replica serves. While the
 * primary does not answer, its offset is not known, and `maxLagMs` alone counts.
 *
 * Consistency: values of hot keys may be old, by `maxLagMs` and the time until the next check: 8 s at most with the
 * defaults, and as much as replication takes when all is well. Of two reads the second one may give the older value,
 * from another replica. What this process has written through the router it reads back, unless a failover lost it. Keys
 * that are not hot are read as without the router.
 *
 * Cost: one connection more to each node, and two `INFO replication` a period and replica at most. Memory: 50,000 own
 * writes that replicas may lack; beyond that all keys are read from the primary for about a period.
 */
export class ReplicaRouter {
  readonly #fleet: Fleet;
  readonly #hotKeys: HotKeys;
  readonly #reader: HotReader;
  #isClosed = false;

  /**
   * Throws: TypeError where an argument is of the wrong kind, also for clients of node-redis; RangeError where it makes
   * no sense.
   */
  constructor(clients: ReplicaRouterClients, options?: ReplicaRouterOptions) {
    const checked = checkedOptions(options, OPTION_NAMES);
    const shardOptions = checkedShardOptions(checked);
    this.#hotKeys = new HotKeys(checked.hotKeys, checked.hotPatterns, checked.hotSet);
    this.#fleet = fleetOf(clients, shardOptions);
    this.#reader = new HotReader(this.#fleet, this.#hotKeys, unrefClock);
  }

  /** Throws: RangeError where there are 100,000 already. */
  addHotKey(key: Bytes): void {
    this.#hotKeys.add(key);
  }

  /** A pattern or the hot set may still say that it is hot. Returns: whether it was one of the hot keys. */
  removeHotKey(key: Bytes): boolean {
    return this.#hotKeys.remove(key);
  }

  /**
   * Returns: `null` where there is none.
   *
   * Rejects: what the primary, or the connection to it, says; the signal's reason.
   */
  async get(key: Bytes, options?: ReplicaReadOptions): Promise<string | null> {
    return textOf(await this.getBuffer(key, options));
  }

  async getBuffer(key: Bytes, options?: ReplicaReadOptions): Promise<Buffer | null> {
    const signal = this.#begin(options);
    return await abortable(this.#reader.get(checkedKey(key)), signal);
  }

  /**
   * Values in the order of `keys`, one for each of them, also of those that are there twice; `null` where there is none,
   * or no string. Not of one moment: what is hot comes from elsewhere than the rest, in a cluster slot by slot.
   *
   * Rejects: as `get` does, also where a single key cannot be read.
   */
  async mget(keys: readonly Bytes[], options?: ReplicaReadOptions): Promise<(string | null)[]> {
    return (await this.mgetBuffer(keys, options)).map(textOf);
  }

  async mgetBuffer(keys: readonly Bytes[], options?: ReplicaReadOptions): Promise<(Buffer | null)[]> {
    const signal = this.#begin(options);
    if (!Array.isArray(keys)) throw new TypeError("keys: expected an array");
    const checked = keys.map((key, index) => checkedKey(key, `keys[${index}]`));
    return await abortable(this.#reader.mget(checked), signal);
  }

  /** Resolves when the primary has it. Rejects: as `get` does; then it may have been written or not. */
  async set(key: Bytes, value: Bytes, options?: ReplicaSetOptions): Promise<void> {
    const { ttlMs, signal } = checkedOptions(options, ["ttlMs", "signal"]);
    const checked = checkedKey(key);
    const lifetimeMs = checkedTtlOrNone(ttlMs);
    const rest = lifetimeMs === null ? [] : ["PX", lifetimeMs];
    const bytes = checkedValue(value);
    await this.#write("SET", checked, [bytes, ...rest], this.#begin({ signal }));
  }

  /** Returns: whether it was there. */
  async delete(key: Bytes, options?: ReplicaReadOptions): Promise<boolean> {
    const signal = this.#begin(options);
    return (await this.#write("DEL", checkedKey(key), [], signal)) === 1;
  }

  get stats(): ReplicaRouterStats {
    const { reads, fallbacks } = this.#reader;
    return { reads: { ...reads }, fallbacks: { ...fallbacks }, nodes: this.#fleet.nodes() };
  }

  /** Ends checks and the router's own connections; the app's clients stay open. Reads under way still get an answer. */
  close(): void {
    this.#isClosed = true;
    this.#fleet.close();
  }

  #begin(options: unknown): AbortSignal | null {
    const signal = checkedSignal(checkedOptions(options, ["signal"]).signal);
    signal?.throwIfAborted();
    if (this.#isClosed) throw new Error("this ReplicaRouter is closed");
    return signal;
  }

  #write(
    name: string,
    key: Bytes,
    rest: readonly (Bytes | number)[],
    signal: AbortSignal | null,
  ): Promise<unknown> {
    const noteWrite = this.#reader.writing(key);
    const written = this.#fleet
      .atPrimary((commands) => commands.run(name, key, ...rest))
      // Also where it failed: it may have been done.
      .finally(noteWrite);
    return abortable(written, signal);
  }
}

function checkedShardOptions(options: Partial<Record<(typeof OPTION_NAMES)[number], unknown>>): ShardOptions {
  const period = { min: 100, max: DURATION_MS_MAX, fallback: 1000 };
  const checkEveryMs = checkedCount(options.checkEveryMs, "checkEveryMs", period);
  const lagBytes = { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 1024 * 1024 };
  const lagMs = { min: 2 * checkEveryMs, max: DURATION_MS_MAX, fallback: Math.max(5000, 2 * checkEveryMs) };
  return {
    checkEveryMs,
    maxLagBytes: checkedCount(options.maxLagBytes, "maxLagBytes", lagBytes),
    maxLagMs: checkedCount(options.maxLagMs, "maxLagMs", lagMs),
    timeoutMs: checkedCount(options.timeoutMs, "timeoutMs", {
      min: 10,
      max: DURATION_MS_MAX,
      fallback: 1000,
    }),
    ownWritesMax: OWN_WRITES_MAX,
    strategy: checkedStrategy(options.strategy),
    clock: unrefClock,
  };
}

function checkedStrategy(value: unknown): ReplicaStrategy {
  if (value === undefined) return "round-robin";
  const known = STRATEGIES.find((strategy) => strategy === value);
  if (known === undefined) throw new TypeError(`strategy: expected one of ${STRATEGIES.join(", ")}`);
  return known;
}

function fleetOf(clients: unknown, options: ShardOptions): Fleet {
  if (typeof clients !== "object" || clients === null) {
    throw new TypeError("clients: expected { primary, replicas } or { cluster }");
  }
  if ("cluster" in clients) {
    const { cluster } = checkedOptions(clients, ["cluster"]);
    return new ClusterFleet(checkedCluster(cluster, "cluster"), options);
  }
  const { primary, replicas } = checkedOptions(clients, ["primary", "replicas"]);
  const checkedPrimary = checkedRedis(primary, "primary");
  if (!Array.isArray(replicas)) throw new TypeError("replicas: expected an array of clients");
  if (replicas.length === 0 || replicas.length > REPLICAS_MAX) {
    throw new RangeError(`replicas: expected 1 to ${REPLICAS_MAX} clients`);
  }
  const checkedReplicas = replicas.map((replica, index) => checkedRedis(replica, `replicas[${index}]`));
  if (new Set([checkedPrimary, ...checkedReplicas]).size <= replicas.length) {
    throw new RangeError("replicas: each must be a client of its own, and none the primary");
  }
  const { keyPrefix } = commandsOf(checkedPrimary);
  for (const [index, replica] of checkedReplicas.entries()) {
    const isAlike = commandsOf(replica).keyPrefix.equals(keyPrefix);
    if (!isAlike || (replica.options.db ?? 0) !== (checkedPrimary.options.db ?? 0)) {
      throw new RangeError(
        `replicas[${index}]: its keyPrefix and db must be the primary's: it would read other keys`,
      );
    }
  }
  return new PairFleet(checkedPrimary, checkedReplicas, options);
}

function textOf(value: Buffer | null): string | null {
  return value === null ? null : value.toString();
}
