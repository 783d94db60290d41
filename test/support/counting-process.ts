/** Counts with a `ShardedCounter` in a process of its own, which is this file run. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { ShardedCounter } from "../../src/client/remedies/sharded-counter.ts";

export interface Counting {
  readonly port: number;
  readonly key: string;
  readonly shards: number;
  readonly increments: number;
}

const CONCURRENCY = 16;

/** Resolves when all increments were acknowledged and the process has ended. */
export async function countInProcess(counting: Counting): Promise<void> {
  const execArgv = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [JSON.stringify(counting)], { execArgv });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`a counting process ended with ${code}`);
}

async function count({ port, key, shards, increments }: Counting): Promise<void> {
  const redis = new Redis(port, "127.0.0.1");
  const counter = new ShardedCounter(redis, key, { shards });
  let left = increments;
  const caller = async () => {
    while (left-- > 0) await counter.increment();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  redis.disconnect();
}

if (import.meta.filename === process.argv[1]) await count(JSON.parse(process.argv[2] ?? ""));
