import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startRedis, waitFor } from "../test/support/redis.ts";
import type { LoadOptions, LoadProgress } from "./support/ingest-load.ts";
import { residentMibOf } from "./support/overload-watch.ts";
import { cpuSeconds } from "./support/process-cpu.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { StandaloneProcess } from "./support/standalone-process.ts";
import { median } from "./support/statistics.ts";

const LOAD = { services: 200, instancesPerService: 50, samplesPerBatch: 8, keys: 20_000 };
const CONNECT_MS_MAX = 60_000;
/** Windows of 60 s fill, and the compilers are done. */
const TIMES = { warmUpMs: 30_000, measuredMs: 60_000 };
const TIMES_QUICK = { warmUpMs: 8000, measuredMs: 10_000 };
const SAMPLE_MS = 500;
const GOAL_GROWTH = 1.05;

interface Measured {
  readonly residentMib: readonly number[];
  readonly cores: number;
  readonly before: LoadProgress;
  readonly after: LoadProgress;
  readonly seconds: number;
}

await runBench("ingest", async (bench) => {
  await using server = await startRedis(null, {});
  await using keyheat = await StandaloneProcess.start({
    targets: [{ url: server.url }],
    sources: { keyspace: { configure: "ensure" } },
    windows: ["10s"],
    receivers: [{ name: "log", log: {} }],
    log: { level: "warn" },
  });
  const idleMib = residentMibOf(keyheat.pid) ?? Number.NaN;
  using load = startLoad({ ...LOAD, url: keyheat.url });
  const instances = LOAD.services * LOAD.instancesPerService;
  const isConnected = async () => (await load.progress()).connected === instances;
  await waitFor("every instance to be connected", isConnected, CONNECT_MS_MAX);
  const { warmUpMs, measuredMs } = bench.isQuick ? TIMES_QUICK : TIMES;
  bench.progress(`${instances} instances are connected`);
  await sleep(warmUpMs);
  const measured = await measure(bench, keyheat.pid, load, measuredMs);
  const dropped = await keyheat.metric("keyheat_dropped_total", 'stage="samples"');
  report(bench, { measured, idleMib, dropped });
});

async function measure(bench: Bench, pid: number, load: Load, measuredMs: number): Promise<Measured> {
  const residentMib: number[] = [];
  const before = await load.progress();
  const startMs = performance.now();
  const cpuBefore = cpuSeconds(pid);
  for (let dueMs = SAMPLE_MS; dueMs <= measuredMs; dueMs += SAMPLE_MS) {
    await sleep(Math.max(0, startMs + dueMs - performance.now()));
    residentMib.push(residentMibOf(pid) ?? Number.NaN);
    if (dueMs % 10_000 === 0) bench.progress(`${dueMs / 1000} s: ${residentMib.at(-1)?.toFixed(0)} MiB`);
  }
  const seconds = (performance.now() - startMs) / 1000;
  const cores = (cpuSeconds(pid) - cpuBefore) / seconds;
  return { residentMib, cores, before, after: await load.progress(), seconds };
}

function report(
  bench: Bench,
  { measured, idleMib, dropped }: { measured: Measured; idleMib: number; dropped: number },
): void {
  const { residentMib, cores, before, after, seconds } = measured;
  const third = Math.floor(residentMib.length / 3);
  const first = median(residentMib.slice(0, third));
  const last = median(residentMib.slice(-third));
  const batches = (after.answered - before.answered) / seconds;
  const accepted = (after.accepted - before.accepted) / seconds;
  bench.table({
    title: "Samples of many instances, posted each second",
    load: `${LOAD.services} services x ${LOAD.instancesPerService} instances, each a batch of ${LOAD.samplesPerBatch} samples a second over its own keep-alive connection, moments spread over the second (at worst ${after.worstLagMs.toFixed(0)} ms behind), ${LOAD.keys} keys; the whole of keyheat standalone with a redis-server, CPU of all its threads; ${seconds.toFixed(0)} s`,
    columns: ["", "value"],
    rows: [
      ["batches answered a second", cell(batches)],
      ["samples accepted a second", cell(accepted)],
      ["CPU, cores", cell(cores, 2)],
      ["CPU per batch, us", cell((cores / batches) * 1e6)],
      ["resident before any connection, MiB", cell(idleMib)],
      ["resident, first third, MiB", cell(first)],
      ["resident, last third, MiB", cell(last)],
      ["resident, at most, MiB", cell(Math.max(...residentMib))],
      ["posts left out, the one before being unanswered", cell(after.skipped - before.skipped)],
      ["answers other than 202", cell(after.failed)],
      ["samples dropped", cell(dropped)],
    ],
  });
  bench.goal({
    what: `resident memory is flat: the last third at most ${GOAL_GROWTH} times the first`,
    holds: last <= first * GOAL_GROWTH,
    measured: `${(last / first).toFixed(3)} times`,
  });
  bench.goal({
    what: "every batch was answered with 202 and every sample counted",
    holds: after.failed === 0 && dropped === 0,
    measured: `${after.failed} failed, ${dropped} samples dropped`,
  });
}

interface Load extends Disposable {
  progress(): Promise<LoadProgress>;
}

function startLoad(options: LoadOptions): Load {
  const script = fileURLToPath(new URL("support/ingest-load.ts", import.meta.url));
  const execArgv = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
  const child: ChildProcess = fork(script, [JSON.stringify(options)], { execArgv });
  return {
    progress: async () => {
      const answer = once(child, "message");
      child.send("progress");
      const [progress] = (await answer) as [LoadProgress];
      return progress;
    },
    [Symbol.dispose]: () => child.disconnect(),
  };
}
