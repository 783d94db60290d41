/**
 * An app that reads one hot key at a steady pace: `cache-process.ts PORT WAY`. Each message is a load to run, its answer
 * what was read when.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { LocalCache } from "../../src/client/remedies/local-cache.ts";
import { CACHE_TTL_MS, type CacheLoad, type CacheRun, HOT_KEY, type ReadWay } from "./cache-load.ts";

const TICK_MS = 5;

const [port = "", way = "plain"] = process.argv.slice(2);
const redis = new Redis(Number(port), "127.0.0.1");
const read = readerOf(way as ReadWay);

process.on("message", (load: CacheLoad) => {
  void run(load).then((figures) => process.send?.(figures));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

function readerOf(way: ReadWay): () => Promise<string | null> {
  if (way === "plain") return () => redis.get(HOT_KEY);
  const cache = new LocalCache(redis, { ttlMs: CACHE_TTL_MS, tracking: way === "tracked" });
  return () => cache.get(HOT_KEY);
}

async function run({ readsPerSecond, durationMs }: CacheLoad): Promise<CacheRun> {
  const reads = new Map<string, number>();
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  let begun = 0;
  let done = 0;
  const note = (number: string | null, calledMs: number) => {
    done++;
    const read = `${number} ${calledMs}`;
    reads.set(read, (reads.get(read) ?? 0) + 1);
  };
  for (let nowMs = startMs; nowMs - startMs < durationMs; nowMs = performance.now()) {
    const due = ((nowMs - startMs) * readsPerSecond) / 1000;
    for (; begun < due; begun++) {
      const calledMs = Date.now();
      void read().then((number) => note(number, calledMs));
    }
    await sleep(TICK_MS);
  }
  while (done < begun) await sleep(TICK_MS);
  const { user, system } = process.cpuUsage(cpu);
  return { reads: [...reads], cpuUs: (user + system) / done, durationMs: performance.now() - startMs };
}
