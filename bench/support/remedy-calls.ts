import type { Cluster, Redis } from "ioredis";
import { ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";

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
  { name: "ShardedCounter.increment", plain: "INCR", on: "server", prepare: increments },
  { name: "ShardedCounter.increment", plain: "INCR", on: "cluster", prepare: increments },
];

function increments(redis: Redis | Cluster): CallPair {
  const counter = new ShardedCounter(redis, "bench:sharded");
  return { plain: () => redis.incr("bench:plain"), remedied: () => counter.increment() };
}
