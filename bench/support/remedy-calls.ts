import type { Cluster, Redis } from "ioredis";
import {
  EarlyRefresh,
  HashShards,
  LocalCache,
  ReplicaRouter,
  ReplicatedValue,
  ShardedCounter,
  ShardedSet,
  SlotSpread,
  StampedeLock,
} from "../../src/client/index.ts";
import { waitFor } from "../../test/support/redis.ts";

/** What an app calls, and what it would call without the remedy. */
export interface CallPair {
  readonly plain: () => Promise<unknown>;
  readonly remedied: () => Promise<unknown>;
}

export interface RemedyCall {
  /** As the table shows it: the class, the method, and what it meets. */
  readonly name: string;
  /** The plain command. */
  readonly plain: string;
  readonly on: "server" | "cluster";
  /** Whatever the calls need is there when it resolves. */
  readonly prepare: (redis: Redis | Cluster) => CallPair | Promise<CallPair>;
}

/** Each remedy's frequent call. */
export const REMEDY_CALLS: readonly RemedyCall[] = [
  { name: "LocalCache.get, a hit", plain: "GET", on: "server", prepare: cacheHits },
  { name: "LocalCache.get, a cold key", plain: "GET", on: "server", prepare: coldReads },
  { name: "ShardedCounter.increment", plain: "INCR", on: "server", prepare: increments },
  { name: "ShardedCounter.increment", plain: "INCR", on: "cluster", prepare: increments },
  { name: "ReplicatedValue.get", plain: "GET", on: "cluster", prepare: copyReads },
  { name: "ReplicatedValue.set, 4 copies", plain: "SET", on: "cluster", prepare: copyWrites },
  { name: "HashShards.get", plain: "HGET", on: "cluster", prepare: fieldReads },
  { name: "HashShards.set", plain: "HSET", on: "cluster", prepare: fieldWrites },
  { name: "ShardedSet.has", plain: "SISMEMBER", on: "cluster", prepare: memberLooks },
  { name: "ShardedSet.add", plain: "SADD", on: "cluster", prepare: memberAdds },
  { name: "ReplicaRouter.get, a hot key", plain: "GET", on: "cluster", prepare: routedReads },
  { name: "EarlyRefresh.get, a hit", plain: "GET", on: "server", prepare: refreshedReads },
  { name: "StampedeLock.get, a hit", plain: "GET", on: "server", prepare: lockedReads },
  { name: "SlotSpread.get", plain: "GET", on: "cluster", prepare: spreadReads },
];

/** No bench lasts longer. */
const LONG_MS = 3_600_000;
const KEY = "bench:key";
const VALUE = "x".repeat(100);

async function cacheHits(redis: Redis | Cluster): Promise<CallPair> {
  await redis.set(KEY, VALUE);
  const cache = new LocalCache(redis, { ttlMs: LONG_MS, hotSet: new Set([KEY]) });
  return { plain: () => redis.get(KEY), remedied: () => cache.get(KEY) };
}

async function coldReads(redis: Redis | Cluster): Promise<CallPair> {
  await redis.set(KEY, VALUE);
  const cache = new LocalCache(redis, { hotSet: new Set<string>() });
  return { plain: () => redis.get(KEY), remedied: () => cache.get(KEY) };
}

function increments(redis: Redis | Cluster): CallPair {
  const counter = new ShardedCounter(redis, "bench:sharded");
  return { plain: () => redis.incr("bench:plain"), remedied: () => counter.increment() };
}

async function copyReads(redis: Redis | Cluster): Promise<CallPair> {
  const value = new ReplicatedValue(redis, "bench:copies");
  await value.set(VALUE);
  await redis.set(KEY, VALUE);
  return { plain: () => redis.get(KEY), remedied: () => value.get() };
}

function copyWrites(redis: Redis | Cluster): CallPair {
  const value = new ReplicatedValue(redis, "bench:copies");
  return { plain: () => redis.set(KEY, VALUE), remedied: () => value.set(VALUE) };
}

async function fieldReads(redis: Redis | Cluster): Promise<CallPair> {
  const hash = new HashShards(redis, "bench:hash-shards");
  await hash.set("field", VALUE);
  await redis.hset("bench:hash", "field", VALUE);
  return { plain: () => redis.hget("bench:hash", "field"), remedied: () => hash.get("field") };
}

function fieldWrites(redis: Redis | Cluster): CallPair {
  const hash = new HashShards(redis, "bench:hash-shards");
  const field = counted("field");
  return {
    plain: () => redis.hset("bench:hash", field(), VALUE),
    remedied: () => hash.set(field(), VALUE),
  };
}

async function memberLooks(redis: Redis | Cluster): Promise<CallPair> {
  const set = new ShardedSet(redis, "bench:sharded-set");
  await set.add("member");
  await redis.sadd("bench:set", "member");
  return { plain: () => redis.sismember("bench:set", "member"), remedied: () => set.has("member") };
}

function memberAdds(redis: Redis | Cluster): CallPair {
  const set = new ShardedSet(redis, "bench:sharded-set");
  const member = counted("member");
  return { plain: () => redis.sadd("bench:set", member()), remedied: () => set.add(member()) };
}

async function routedReads(redis: Redis | Cluster): Promise<CallPair> {
  await redis.set(KEY, VALUE);
  const router = new ReplicaRouter({ cluster: redis as Cluster }, { hotKeys: [KEY] });
  await waitFor("the router to read from a replica", async () => {
    await router.get(KEY);
    return router.stats.reads.replica > 0;
  });
  return { plain: () => redis.get(KEY), remedied: () => router.get(KEY) };
}

async function refreshedReads(redis: Redis | Cluster): Promise<CallPair> {
  const refresh = new EarlyRefresh(redis, { ttlMs: LONG_MS });
  await redis.set(KEY, VALUE);
  return { plain: () => redis.get(KEY), remedied: () => refresh.get("bench:refreshed", () => VALUE) };
}

async function lockedReads(redis: Redis | Cluster): Promise<CallPair> {
  const lock = new StampedeLock(redis);
  await redis.set(KEY, VALUE);
  const read = () => lock.get("bench:locked", () => VALUE, { ttlMs: LONG_MS });
  return { plain: () => redis.get(KEY), remedied: read };
}

async function spreadReads(redis: Redis | Cluster): Promise<CallPair> {
  const spread = new SlotSpread(redis as Cluster, { copyTtlMs: LONG_MS });
  await spread.set("bench:spread", VALUE);
  await redis.set(KEY, VALUE);
  return { plain: () => redis.get(KEY), remedied: () => spread.get("bench:spread") };
}

/** A thousand names in turn. */
function counted(name: string): () => string {
  let count = 0;
  return () => `${name}:${count++ % 1000}`;
}
