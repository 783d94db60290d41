import { fork } from "node:child_process";
import { tracingChannel } from "node:diagnostics_channel";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type Observation, observe } from "../src/client/index.ts";
import { startRedis, type TestServer } from "../test/support/redis.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { samplingError } from "./support/sampling-error.ts";
import { median } from "./support/statistics.ts";

const GETS = 100_000;
const KEYS = 1000;
const RUNS = 9;
const GOAL_OVERHEAD = 1.03;
const GOAL_ERROR = 0.03;
const HOT_COUNT = 10_000;
const SAMPLED_RUNS = 100;

/** One client with one way of being watched. */
interface Contender {
  readonly name: string;
  /** Sends `count` GETs, `atOnce` under way at a time. */
  readonly get: (count: number, load: Load) => Promise<void>;
  /** Around each of its runs. */
  readonly begin: () => void;
  readonly end: () => void;
  readonly close: () => Promise<void>;
}

interface Load {
  readonly name: string;
  readonly atOnce: number;
  readonly isPipelined: boolean;
}

const LOADS: readonly Load[] = [
  { name: "1 at a time", atOnce: 1, isPipelined: false },
  { name: "50 at a time", atOnce: 50, isPipelined: false },
  { name: "pipelines of 100", atOnce: 100, isPipelined: true },
];

const PLAIN = "plain";
const PLAIN_AGAIN = "plain, another one";

const nothing = () => {};

interface Run {
  readonly microsecondsPerCall: number;
  readonly callsPerSecond: number;
}

await runBench("client", async (bench) => {
  await using server = await startRedis(null);
  const sink = fork(fileURLToPath(new URL("support/samples-sink.ts", import.meta.url)));
  const [port] = await once(sink, "message");
  const agent = `http://127.0.0.1:${port}`;
  try {
    await compare(bench, "ioredis", await ioredisContenders(server, agent));
    await compare(bench, "node-redis", await nodeRedisContenders(server, agent));
  } finally {
    sink.disconnect();
  }
  reportAccuracy(bench);
});

async function compare(bench: Bench, driver: string, contenders: readonly Contender[]): Promise<void> {
  const runs = bench.isQuick ? 3 : RUNS;
  const count = bench.isQuick ? GETS / 5 : GETS;
  for (const load of LOADS) {
    const found = new Map(contenders.map(({ name }) => [name, [] as Run[]]));
    for (const contender of contenders) await measure(contender, count / 2, load);
    for (let run = 0; run < runs; run++) {
      // Each begins a round as often as the others: what a run leaves behind falls on all alike.
      for (let i = 0; i < contenders.length; i++) {
        const contender = contenders[(i + run) % contenders.length]!;
        found.get(contender.name)?.push(await measure(contender, count, load));
      }
      bench.progress(`${driver}, ${load.name}: ${run + 1} of ${runs} runs`);
    }
    report(bench, driver, load, count, found);
  }
  for (const contender of contenders) await contender.close();
}

async function measure({ get, begin, end }: Contender, count: number, load: Load): Promise<Run> {
  globalThis.gc?.();
  begin();
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await get(count, load);
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  end();
  return { microsecondsPerCall: (user + system) / count, callsPerSecond: (count * 1000) / elapsedMs };
}

function report(
  bench: Bench,
  driver: string,
  load: Load,
  count: number,
  found: ReadonlyMap<string, readonly Run[]>,
): void {
  const plain = found.get(PLAIN) ?? [];
  const again = found.get(PLAIN_AGAIN) ?? [];
  // Two plain clients differ by some percent: what stands between them is the floor.
  const floorOf = (i: number, of: (run: Run) => number) => (of(plain[i]!) + of(again[i]!)) / 2;
  const ratios = (runs: readonly Run[], of: (run: Run) => number) =>
    runs.map((run, i) => of(run) / floorOf(i, of));
  const rows = Array.from(found, ([name, runs]) => [
    name,
    cell(median(runs.map((run) => run.microsecondsPerCall)), 2),
    spreadCell(
      ratios(runs, (run) => run.microsecondsPerCall),
      3,
    ),
    cell(median(runs.map((run) => run.callsPerSecond))),
    spreadCell(
      ratios(runs, (run) => run.callsPerSecond),
      3,
    ),
  ]);
  bench.table({
    title: `${driver}, ${count} GETs, ${load.name}`,
    load: `a redis-server on loopback, ${KEYS} keys; CPU of the app's process, ratios to the mean of two plain clients in the same round`,
    columns: ["", "CPU us per call", "to plain", "calls/s", "to plain"],
    rows,
  });
  const observed = found.get("observed") ?? [];
  const cpu = median(ratios(observed, (run) => run.microsecondsPerCall));
  const throughput = median(ratios(observed, (run) => run.callsPerSecond));
  bench.goal({
    what: `${driver}, ${load.name}: observing costs at most 3% of CPU and throughput`,
    holds: cpu <= GOAL_OVERHEAD && throughput >= 2 - GOAL_OVERHEAD,
    measured: `CPU ${((cpu - 1) * 100).toFixed(1)}%, throughput ${((throughput - 1) * 100).toFixed(1)}%`,
  });
}

async function ioredisContenders(server: TestServer, agent: string): Promise<Contender[]> {
  const contender = (name: string, options: Parameters<typeof observe>[1] | null, hooks = {}): Contender => {
    const redis = new Redis(server.url);
    const watch = options === null ? null : observe(redis, options);
    const close = () => closeBoth(watch, () => redis.disconnect());
    return {
      name,
      get: (count, load) => getByIoredis(redis, count, load),
      begin: nothing,
      end: nothing,
      close,
      ...hooks,
    };
  };
  const filler = new Redis(server.url);
  for (let i = 0; i < KEYS; i++) await filler.set(`key:${i}`, "value");
  filler.disconnect();
  return [
    contender(PLAIN, null),
    contender("observed", { service: "bench", agent }),
    contender(PLAIN_AGAIN, null),
    contender("observed, each command counted", { service: "bench", agent, sampleRate: 1 }),
    contender("tracing channel and a Map", null, tracingHooks("ioredis:command")),
  ];
}

async function nodeRedisContenders(server: TestServer, agent: string): Promise<Contender[]> {
  const contender = async (
    name: string,
    options: Parameters<typeof observe>[1] | null,
  ): Promise<Contender> => {
    const redis = createClient({ url: server.url });
    redis.on("error", nothing);
    await redis.connect();
    const watch = options === null ? null : observe(redis, options);
    const close = () => closeBoth(watch, () => redis.destroy());
    const get = (count: number, load: Load) => getByNodeRedis(redis, count, load);
    return { name, get, begin: nothing, end: nothing, close };
  };
  return [
    await contender(PLAIN, null),
    await contender("observed", { service: "bench", agent }),
    await contender(PLAIN_AGAIN, null),
    await contender("observed, each command counted", { service: "bench", agent, sampleRate: 1 }),
  ];
}

async function closeBoth(watch: Observation | null, disconnect: () => void): Promise<void> {
  await watch?.stop();
  disconnect();
}

/** The way in that the drivers offer, with a count for each key that it shows. */
function tracingHooks(name: string): Pick<Contender, "begin" | "end"> {
  const channel = tracingChannel(name);
  const counts = new Map<string, number>();
  const handlers = {
    start: nothing,
    end: nothing,
    asyncStart: nothing,
    asyncEnd: (context: unknown) => {
      const { command, args } = context as { command: string; args: readonly string[] };
      const key = `${command} ${args[0]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    error: nothing,
  };
  return { begin: () => channel.subscribe(handlers), end: () => channel.unsubscribe(handlers) };
}

async function getByIoredis(redis: Redis, count: number, { atOnce, isPipelined }: Load): Promise<void> {
  if (!isPipelined) return await inTurns(count, atOnce, (i) => redis.get(keyOf(i)));
  for (let sent = 0; sent < count; sent += atOnce) {
    const pipeline = redis.pipeline();
    for (let i = 0; i < atOnce; i++) pipeline.get(keyOf(sent + i));
    await pipeline.exec();
  }
}

interface NodeRedis {
  get(key: string): Promise<unknown>;
}

/** node-redis writes together what is called in one turn. */
async function getByNodeRedis(redis: NodeRedis, count: number, { atOnce, isPipelined }: Load): Promise<void> {
  if (!isPipelined) return await inTurns(count, atOnce, (i) => redis.get(keyOf(i)));
  for (let sent = 0; sent < count; sent += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, i) => redis.get(keyOf(sent + i))));
  }
}

async function inTurns(count: number, atOnce: number, call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Half of the calls are for one key. */
function keyOf(i: number): string {
  return i % 2 === 0 ? "key:0" : `key:${i % KEYS}`;
}

function reportAccuracy(bench: Bench): void {
  const probabilities = [1 / 2, 1 / 4, 1 / 8];
  const found = probabilities.map((probability) => samplingError(HOT_COUNT, probability, SAMPLED_RUNS));
  bench.table({
    title: "What sampling leaves of a key at 1,000/s over 10 s",
    load: `${SAMPLED_RUNS} simulated runs of ${HOT_COUNT} accesses each, kept by the library's own sampler`,
    columns: ["probability", "standard error %", "by the formula %", "bias, in its standard errors"],
    rows: found.map(({ relativeError, biasInErrors }, i) => {
      const probability = probabilities[i]!;
      const expected = Math.sqrt((1 - probability) / (probability * HOT_COUNT));
      return [
        `1/${1 / probability}`,
        cell(100 * relativeError, 2),
        cell(100 * expected, 2),
        cell(biasInErrors, 2),
      ];
    }),
  });
  const worst = Math.max(...found.map(({ relativeError }) => relativeError));
  const bias = Math.max(...found.map(({ biasInErrors }) => Math.abs(biasInErrors)));
  bench.goal({
    what: "its standard error stays under 3%, without bias (within 3 standard errors)",
    holds: worst < GOAL_ERROR && bias <= 3,
    measured: `${(100 * worst).toFixed(2)}%, bias ${bias.toFixed(1)} standard errors`,
  });
}
