/** A process that uses all remedies at once, which is this file run. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Cluster, Redis } from "ioredis";
import {
  HashShards,
  LocalCache,
  ReplicatedValue,
  ShardedCounter,
  ShardedSet,
  StampedeLock,
} from "../../../src/client/index.ts";
import type { Fate, FirstFailure, RaceEnd, RaceJob, RaceReport } from "./race-report.ts";

export const CLOCK = "race:clock";
export const COUNTER = "race:counter";
export const SET = "race:set";
export const HASH = "race:hash";
export const VALUE = "race:value";
const REPORT = "race:report";

const MEMBERS = 100;
const PAUSE_MS = 4;
const COMPUTE_MS = 20;

export class RaceProcess {
  readonly #child: ChildProcess;
  readonly hasFailed: Promise<void>;
  readonly report: Promise<RaceReport>;

  constructor(job: RaceJob) {
    const execArgv = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(job)], { execArgv });
    this.#child = child;
    const exit = once(child, "exit").then(([code]) => {
      throw new Error(`process ${job.index} of the race ended with ${code}, and no report`);
    });
    const message = <Message>(type: string) =>
      new Promise<Message>((resolve) => {
        child.on("message", (told: { type: string }) => {
          if (told.type === type) resolve(told as Message);
        });
      });
    this.hasFailed = Promise.race([message<FirstFailure>("failure").then(() => {}), exit]);
    this.report = Promise.race([message<RaceEnd>("end").then(({ report }) => report), exit]);
    this.hasFailed.catch(() => {});
  }

  /** Resolves when it has ended by itself. */
  async exit(): Promise<void> {
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

class Race {
  readonly #job: RaceJob;
  readonly #redis: Redis | Cluster;
  readonly #startMs = performance.now();
  readonly #counter = { acknowledged: 0, failedUp: 0, failedDown: 0 };
  readonly #members = new Map<string, Fate>();
  readonly #fields = new Map<string, Fate>();
  readonly #lastReads: Record<string, Record<string, number>> = {};
  readonly #stepsBack: string[] = [];
  readonly #computing: [number, number][] = [];
  #calls = 0;
  #failed = 0;

  constructor(job: RaceJob) {
    this.#job = job;
    this.#redis = clientOf(job);
    this.#redis.on("error", () => {});
  }

  async run(): Promise<RaceReport> {
    const { ttlMs } = this.#job;
    const caches = {
      plain: new LocalCache(this.#redis, { ttlMs, hotThreshold: 1 }),
      tracked: new LocalCache(this.#redis, { ttlMs, hotThreshold: 1, tracking: true }),
    };
    const lock = new StampedeLock(this.#redis, { lockTtlMs: 2000, waitMs: 20_000 });
    await Promise.all([
      this.#count(),
      this.#addAndRemove(),
      this.#setAndDelete(),
      ...Object.entries(caches).map(([name, cache]) => this.#readClock(name, cache)),
      this.#writeOrReadValue(),
      this.#compute(lock),
    ]);
    for (const cache of Object.values(caches)) cache.close();
    lock.close();
    this.#redis.disconnect();
    return {
      counter: this.#counter,
      members: Object.fromEntries(this.#members),
      fields: Object.fromEntries(this.#fields),
      lastReads: this.#lastReads,
      stepsBack: this.#stepsBack,
      computing: this.#computing,
      calls: this.#calls,
      failed: this.#failed,
    };
  }

  async #count(): Promise<void> {
    const counters = this.#job.shardCounts.map(
      (shards) => new ShardedCounter(this.#redis, COUNTER, { shards }),
    );
    const totals = this.#counter;
    for (let turn = 0; this.#isOn; turn++) {
      const by = (turn % 9) - 3;
      const isDone = await this.#try(() => this.#now(counters).increment(by));
      if (isDone) totals.acknowledged += by;
      else if (by > 0) totals.failedUp += by;
      else totals.failedDown += by;
    }
  }

  /** Members that no other process touches. */
  async #addAndRemove(): Promise<void> {
    const sets = this.#job.shardCounts.map((shards) => new ShardedSet(this.#redis, SET, { shards }));
    for (let turn = 0; this.#isOn; turn++) {
      const member = `${this.#job.index}:${(turn * 7) % MEMBERS}`;
      const isAdding = turn % 3 !== 0;
      const set = this.#now(sets);
      const isDone = await this.#try(() => (isAdding ? set.add(member) : set.remove(member)));
      remember(this.#members, member, isAdding ? "" : null, isDone);
    }
  }

  async #setAndDelete(): Promise<void> {
    const hashes = this.#job.shardCounts.map((shards) => new HashShards(this.#redis, HASH, { shards }));
    for (let turn = 0; this.#isOn; turn++) {
      const field = `${this.#job.index}:${(turn * 7) % MEMBERS}`;
      const value = turn % 5 === 0 ? null : String(turn);
      const hash = this.#now(hashes);
      const isDone = await this.#try(() => (value === null ? hash.delete(field) : hash.set(field, value)));
      remember(this.#fields, field, value, isDone);
    }
  }

  async #readClock(name: string, cache: LocalCache): Promise<void> {
    const lastReads: Record<string, number> = {};
    this.#lastReads[name] = lastReads;
    while (this.#isOn) {
      const calledMs = Date.now();
      await this.#try(async () => {
        const number = await cache.get(CLOCK);
        if (number !== null) lastReads[number] = calledMs;
      });
    }
  }

  async #writeOrReadValue(): Promise<void> {
    const value = new ReplicatedValue(this.#redis, VALUE);
    let last = 0;
    for (let turn = 1; this.#isOn; turn++) {
      await this.#try(async () => {
        if (this.#job.index === 0) return await value.set(String(turn));
        const read = Number(await value.get());
        if (read < last) this.#stepsBack.push(`${last} -> ${read}`);
        last = read;
      });
    }
  }

  async #compute(lock: StampedeLock): Promise<void> {
    const compute = async () => {
      const fromMs = Date.now();
      await sleep(COMPUTE_MS);
      this.#computing.push([fromMs, Date.now()]);
      return "value";
    };
    while (this.#isOn) await this.#try(() => lock.get(REPORT, compute, { ttlMs: 250 }));
  }

  get #isOn(): boolean {
    return performance.now() - this.#startMs < this.#job.durationMs;
  }

  /** The one of the counts whose time it is. */
  #now<Remedy>(remedies: readonly Remedy[]): Remedy {
    const share = Math.min(0.999, (performance.now() - this.#startMs) / this.#job.durationMs);
    return remedies[Math.floor(share * remedies.length)]!;
  }

  /** Returns whether the call was acknowledged. */
  async #try(call: () => Promise<unknown>): Promise<boolean> {
    this.#calls++;
    try {
      await call();
      return true;
    } catch {
      if (this.#failed++ === 0) process.send!({ type: "failure" } satisfies FirstFailure);
      return false;
    } finally {
      await sleep(PAUSE_MS);
    }
  }
}

/** What a call that failed did shows with the next one that does not. */
function remember(fates: Map<string, Fate>, name: string, value: string | null, isDone: boolean): void {
  const before = fates.get(name) ?? [null];
  fates.set(name, isDone ? [value] : [...new Set([...before, value])]);
}

/** Clients that send nothing twice by themselves. */
function clientOf({ ports, isCluster }: RaceJob): Redis | Cluster {
  if (!isCluster) {
    return new Redis(ports[0]!, "127.0.0.1", { maxRetriesPerRequest: 0, retryStrategy: () => 20 });
  }
  return new Cluster(
    ports.map((port) => ({ host: "127.0.0.1", port })),
    { retryDelayOnFailover: 0 },
  );
}

if (import.meta.filename === process.argv[1]) {
  const report = await new Race(JSON.parse(process.argv[2] ?? "")).run();
  process.send!({ type: "end", report } satisfies RaceEnd, () => process.disconnect());
}
