/**
 * An app that reads keys, by one of `MITIGATE_WAYS`: `mitigate-process.ts WAY PORT AGENT`. Each message is a number of GETs to
 * make, its answer what one cost: CPU of the process, user and system, in microseconds.
 */
import { Redis } from "ioredis";
import { observe } from "../../src/client/index.ts";
import { waitFor } from "../../test/support/wait.ts";
import { HOT_KEY, type MitigateWay } from "./mitigate-ways.ts";

const CONCURRENCY = 50;
const [way = "", port = "", agent = ""] = process.argv.slice(2);
const redis = new Redis(Number(port), "127.0.0.1");
await redis.set(HOT_KEY, "x".repeat(100));
await enter(way as MitigateWay);
const key = way === "leased" ? HOT_KEY : "bench:cold";

process.on("message", (gets: number) => {
  void run(gets).then((microseconds) => process.send?.(microseconds));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function enter(way: MitigateWay): Promise<void> {
  if (way === "plain") return;
  const mitigate = way === "observed" ? false : { ttlMs: 1000 };
  const observation = observe(redis, { service: "bench", agent, mitigate });
  if (way === "observed") return;
  await waitFor("hits", async () => {
    await redis.get(HOT_KEY);
    return (observation.mitigation?.hits ?? 0) > 0;
  });
}

async function run(gets: number): Promise<number> {
  const start = process.cpuUsage();
  let left = gets;
  const reader = async () => {
    while (left-- > 0) await redis.get(key);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, reader));
  const { user, system } = process.cpuUsage(start);
  return (user + system) / gets;
}
