import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { BUDGET } from "../src/cli/scan/server-options.ts";
import { startRedis, type TestServer } from "../test/support/redis.ts";
import { IS_REALTIME, runFirst } from "./support/realtime.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { exactSizes, makeKeys } from "./support/scan-keys.ts";
import type { ScanFigures } from "./support/scan-process.ts";
import { mainThreadSeconds } from "./support/server-info.ts";
import type { Latencies } from "./support/steady-load.ts";

const KEYS = [100_000, 1_000_000] as const;
const KEYS_QUICK = [20_000, 100_000] as const;
const LOAD_PER_SECOND = 5000;
const SETTLING_MS = 3000;
/** Before the scan, and again after it: the machine may change meanwhile. */
const QUIET_MS = 30_000;
const QUIET_MS_QUICK = 5000;
/** In life the scan runs on another machine than the server: here it must not take the cores away. */
const NICENESS = 10;
const GOAL_LATENCY_RATIO = 1.5;
const GOAL_ERROR = 0.05;
const GOAL_MEMORY_RATIO = 1.25;

/** What the load saw, and the share of a core that the server's main thread used. */
interface Interval {
  readonly latencies: Latencies;
  readonly serverCores: number;
}

interface Run {
  readonly keys: number;
  readonly before: Interval;
  readonly during: Interval;
  readonly after: Interval;
  readonly scan: ScanFigures;
  /** Of the total, and of the pattern that is furthest off: shares of the exact sizes. */
  readonly totalError: number;
  readonly worstError: number;
}

await runBench("scan", async (bench) => {
  await using server = await startRedis(null);
  runFirst(server.pid);
  const runs: Run[] = [];
  let made = 0;
  for (const keys of bench.isQuick ? KEYS_QUICK : KEYS) {
    await makeKeys(server.port, made, keys);
    made = keys;
    bench.progress(`${keys} keys are there`);
    runs.push(await measure(bench, server, keys));
  }
  report(bench, runs);
});

async function measure(bench: Bench, server: TestServer, keys: number): Promise<Run> {
  const exact = await exactSizes(server.port);
  await using load = await startLoad(server.port);
  await sleep(SETTLING_MS);
  const quietMs = bench.isQuick ? QUIET_MS_QUICK : QUIET_MS;
  const [before] = await watch(server, load, () => sleep(quietMs));
  const [during, scan] = await watch(server, load, () => runScan(server.url));
  bench.progress(`scanned in ${(scan.document.tookMs / 1000).toFixed(1)} s`);
  const [after] = await watch(server, load, () => sleep(quietMs));
  const errors = scan.document.patterns.map(({ pattern, totalBytes }) =>
    errorOf(totalBytes, exact.get(pattern)?.bytes ?? 0),
  );
  const exactBytes = Array.from(exact.values()).reduce((sum, { bytes }) => sum + bytes, 0);
  const totalError = errorOf(scan.document.totalBytes, exactBytes);
  return { keys, before, during, after, scan, totalError, worstError: Math.max(...errors) };
}

async function watch<T>(server: TestServer, load: Load, act: () => Promise<T>): Promise<[Interval, T]> {
  await load.take();
  const startMs = performance.now();
  const usedBefore = await mainThreadSeconds(server.port);
  const result = await act();
  const used = (await mainThreadSeconds(server.port)) - usedBefore;
  const serverCores = (used * 1000) / (performance.now() - startMs);
  return [{ latencies: await load.take(), serverCores }, result];
}

function report(bench: Bench, runs: readonly Run[]): void {
  const worstLagMs = Math.max(
    ...runs.flatMap(({ before, during, after }) =>
      [before, during, after].map(({ latencies }) => latencies.worstLagMs),
    ),
  );
  bench.table({
    title: "keyheat scan memory beside a steady load",
    load: `SETs at ${LOAD_PER_SECOND}/s over 8 connections from a process of its own, whether earlier ones are answered or not (at worst ${worstLagMs.toFixed(0)} ms behind); before, during and after a scan of all keys with the default budget of ${BUDGET} commands/s, at niceness ${NICENESS} as it shares the cores${IS_REALTIME ? ", server and load before all other work (SCHED_FIFO)" : ""}; keys of seven patterns and five types; p99 of a second: the median of each second's; heap after garbage collection, median of looks each second; resident at most`,
    columns: ["", ...runs.map(({ keys }) => `${keys} keys`)],
    rows: [
      ["scan took, s", ...runs.map(({ scan }) => cell(scan.document.tookMs / 1000, 1))],
      ["went slower, times", ...runs.map(({ scan }) => cell(slowedDown(scan)))],
      ...latencyRows("p50, ms", runs, ({ p50 }) => p50),
      ...latencyRows("p99, ms", runs, ({ p99 }) => p99),
      ...latencyRows("p99 of a second, ms", runs, ({ p99OfSecond }) => p99OfSecond),
      ["server's main thread before, cores", ...runs.map(({ before }) => cell(before.serverCores, 3))],
      ["server's main thread during, cores", ...runs.map(({ during }) => cell(during.serverCores, 3))],
      ["total off by, %", ...runs.map(({ totalError }) => cell(totalError * 100, 3))],
      ["worst pattern off by, %", ...runs.map(({ worstError }) => cell(worstError * 100, 3))],
      ["heap of the scan, MiB", ...runs.map(({ scan }) => cell(scan.heapMib, 1))],
      ["resident, MiB", ...runs.map(({ scan }) => cell(scan.residentMib))],
      [
        "CPU of the scan, cores",
        ...runs.map(({ scan }) => cell((scan.cpuSeconds / scan.document.tookMs) * 1000, 2)),
      ],
    ],
  });
  judge(bench, runs);
}

function latencyRows(what: string, runs: readonly Run[], pick: (latencies: Latencies) => number) {
  return (["before", "during", "after"] as const).map((phase) => [
    `${what}, ${phase}`,
    ...runs.map((run) => cell(pick(run[phase].latencies), 3)),
  ]);
}

function judge(bench: Bench, runs: readonly Run[]): void {
  const [few, many] = runs;
  if (few === undefined || many === undefined) return;
  const { before, during, after } = many;
  const quietMs = (before.latencies.p99OfSecond + after.latencies.p99OfSecond) / 2;
  const latencyRatio = during.latencies.p99OfSecond / quietMs;
  bench.goal({
    what: `p99 latency (of a second) of the server's clients during the scan is at most ${GOAL_LATENCY_RATIO} times that before and after`,
    holds: latencyRatio <= GOAL_LATENCY_RATIO,
    measured: `${latencyRatio.toFixed(2)} times`,
  });
  bench.goal({
    what: `totals are within ${GOAL_ERROR * 100}% of the exact ones, of each pattern`,
    holds: Math.max(many.totalError, many.worstError) <= GOAL_ERROR,
    measured: `${(many.totalError * 100).toFixed(3)}%, worst pattern ${(many.worstError * 100).toFixed(3)}%`,
  });
  const heapRatio = many.scan.heapMib / few.scan.heapMib;
  const residentRatio = many.scan.residentMib / few.scan.residentMib;
  bench.goal({
    what: `memory of the scan is flat: with ten times the keys at most ${GOAL_MEMORY_RATIO} times`,
    holds: Math.max(heapRatio, residentRatio) <= GOAL_MEMORY_RATIO,
    measured: `heap ${heapRatio.toFixed(2)} times, resident ${residentRatio.toFixed(2)} times`,
  });
}

function errorOf(bytes: number, exactBytes: number): number {
  return Math.abs(bytes - exactBytes) / exactBytes;
}

function slowedDown({ document }: ScanFigures): number {
  return document.servers.reduce((sum, server) => sum + server.slowedDown, 0);
}

interface Load extends AsyncDisposable {
  take(): Promise<Latencies>;
}

async function startLoad(port: number): Promise<Load> {
  const child = start("support/steady-load.ts", [String(port), String(LOAD_PER_SECOND)]);
  await once(child, "message");
  runFirst(child.pid);
  return {
    take: async () => {
      child.send("take");
      const [latencies] = (await once(child, "message")) as [Latencies];
      return latencies;
    },
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

async function runScan(url: string): Promise<ScanFigures> {
  const script = fileURLToPath(new URL("support/scan-process.ts", import.meta.url));
  const node = [process.execPath, ...typeScriptFlags(), "--expose-gc", script, url];
  // By `nice`, not later: each of its threads is to have the same.
  const child = spawn("nice", ["-n", String(NICENESS), ...node], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [figures] = (await once(child, "message")) as [ScanFigures];
  await once(child, "exit");
  return figures;
}

function start(script: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: typeScriptFlags() });
}

function typeScriptFlags(): string[] {
  return process.execArgv.filter((flag) => flag === "--experimental-strip-types");
}
