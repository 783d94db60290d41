import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { command } from "../../test/support/redis.ts";

export const HOT_KEY = "bench:hot";
export const CACHE_TTL_MS = 1000;

/** `plain`: GET; `cached`: LocalCache by its TTL alone; `tracked`: with invalidation by the server. */
export type ReadWay = "plain" | "cached" | "tracked";

export interface CacheLoad {
  readonly readsPerSecond: number;
  readonly durationMs: number;
}

export interface CacheRun {
  /** `NUMBER MS`, the value that was read and when the read was called (ms since 1970), with how many such there were. */
  readonly reads: readonly (readonly [string, number])[];
  readonly cpuUs: number;
  readonly durationMs: number;
}

export interface CacheFigures {
  readonly readsPerSecond: number;
  readonly getsPerSecond: number;
  /** How long ago the value that was read had been written over, in ms; 0: it was the newest. */
  readonly stalenessMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** CPU of the apps a read, in microseconds, with the pacing. */
  readonly cpuUs: number;
}

const PROCESSES = 4;
/** Until then the compilers are done, and the key is known to be hot. */
const WARM_UP_MS = 3000;
const WRITE_EVERY_MS = 100;

/** Several apps read one key as fast as told, while somebody writes it ten times a second. */
export async function cacheFigures(port: number, way: ReadWay, load: CacheLoad): Promise<CacheFigures> {
  const script = fileURLToPath(new URL("cache-process.ts", import.meta.url));
  const apps = Array.from({ length: PROCESSES }, () => fork(script, [String(port), way]));
  const writer = new Writer(port);
  try {
    await Promise.all(apps.map((app) => once(app, "message")));
    const perApp = { ...load, readsPerSecond: load.readsPerSecond / PROCESSES };
    await runAll(apps, { ...perApp, durationMs: WARM_UP_MS });
    await command(port, ["CONFIG", "RESETSTAT"]);
    const runs = await runAll(apps, perApp);
    const gets = await getsAt(port);
    const seconds = Math.max(...runs.map(({ durationMs }) => durationMs)) / 1000;
    const reads = runs.flatMap((run) => run.reads);
    return {
      readsPerSecond: reads.reduce((sum, [, count]) => sum + count, 0) / seconds,
      getsPerSecond: gets / seconds,
      stalenessMs: writer.stalenessOf(reads),
      cpuUs: runs.reduce((sum, { cpuUs }) => sum + cpuUs, 0) / runs.length,
    };
  } finally {
    await writer.stop();
    const exits = apps.map((app) => once(app, "exit"));
    for (const app of apps) app.disconnect();
    await Promise.all(exits);
  }
}

async function runAll(apps: readonly ChildProcess[], load: CacheLoad): Promise<CacheRun[]> {
  return await Promise.all(
    apps.map(async (app) => {
      app.send(load);
      const [figures] = await once(app, "message");
      return figures as CacheRun;
    }),
  );
}

async function getsAt(port: number): Promise<number> {
  const stats = String(await command(port, ["INFO", "commandstats"]));
  return Number(/cmdstat_get:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** Writes 1, 2, 3, ... and knows when each was acknowledged. */
class Writer {
  readonly #redis: Redis;
  readonly #acknowledgedMs: number[] = [];
  readonly #running: Promise<void>;
  #isOn = true;

  constructor(port: number) {
    this.#redis = new Redis(port, "127.0.0.1");
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#running;
    this.#redis.disconnect();
  }

  stalenessOf(reads: CacheRun["reads"]): CacheFigures["stalenessMs"] {
    const ages = reads.map(([read, count]) => {
      const [number = "", calledMs = ""] = read.split(" ");
      const overwrittenMs = this.#acknowledgedMs[Number(number) + 1] ?? Number.POSITIVE_INFINITY;
      return { ageMs: Math.max(0, Number(calledMs) - overwrittenMs), count };
    });
    ages.sort((one, other) => one.ageMs - other.ageMs);
    const total = ages.reduce((sum, { count }) => sum + count, 0);
    const quantile = (share: number) => {
      let passed = 0;
      for (const { ageMs, count } of ages) {
        passed += count;
        if (passed >= share * total) return ageMs;
      }
      return 0;
    };
    return { p50: quantile(0.5), p99: quantile(0.99), max: ages.at(-1)?.ageMs ?? 0 };
  }

  async #run(): Promise<void> {
    for (let number = 0; this.#isOn; number++) {
      await this.#redis.set(HOT_KEY, number);
      this.#acknowledgedMs[number] = Date.now();
      await sleep(WRITE_EVERY_MS);
    }
  }
}
