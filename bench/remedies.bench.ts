import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Cluster } from "ioredis";
import { startRedis } from "../test/support/redis.ts";
import { startRedisCluster, type TestCluster } from "../test/support/redis-cluster.ts";
import { CACHE_TTL_MS, type CacheFigures, cacheFigures, type ReadWay } from "./support/cache-load.ts";
import { counterSpread } from "./support/counter-spread.ts";
import { REMEDY_CALLS, type RemedyCall } from "./support/remedy-calls.ts";
import type { RemedyLoad, RemedyRun } from "./support/remedy-process.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";

const READS_PER_SECOND = 50_000;
const GETS_PER_SECOND_MAX = 100;
const TRACKED_STALENESS_MS = 50;
const GOAL_UNEVENNESS = 0.2;
const SPREAD_INCREMENTS = 60_000;
const CALLS = 50_000;
const CONCURRENCY = 50;
/** The compilers are done with nearly all of it by then. */
const WARM_UP_MS = 3000;
const ROUNDS = 9;

await runBench("remedies", async (bench) => {
  await using server = await startRedis(null);
  const cluster = await startRedisCluster(null);
  try {
    await cache(bench, server.port);
    await spread(bench, cluster);
    await cpu(bench, {
      server: String(server.port),
      cluster: cluster.nodes.map(({ port }) => port).join(","),
    });
  } finally {
    await cluster.stop();
  }
});

async function cache(bench: Bench, port: number): Promise<void> {
  const load = { readsPerSecond: READS_PER_SECOND, durationMs: bench.isQuick ? 5000 : 20_000 };
  const ways: readonly ReadWay[] = ["plain", "cached", "tracked"];
  const figures = new Map<ReadWay, CacheFigures>();
  for (const way of ways) figures.set(way, await cacheFigures(port, way, load));
  const titles = { plain: "GET", cached: "LocalCache", tracked: "LocalCache, tracking" };
  bench.table({
    title: "A read-hot key, with and without LocalCache",
    load: `4 processes read one key ${READS_PER_SECOND} times a second together for ${load.durationMs / 1000} s, another writes it 10 times a second; lifetime ${CACHE_TTL_MS} ms, GETs by INFO commandstats; staleness: since when the value that was read had been written over`,
    columns: ["", "reads/s", "GETs/s", "stale p50 ms", "p99 ms", "most ms", "CPU us a read"],
    rows: [...figures].map(([way, { readsPerSecond, getsPerSecond, stalenessMs, cpuUs }]) => [
      titles[way],
      cell(readsPerSecond, 0),
      cell(getsPerSecond, 1),
      ...[stalenessMs.p50, stalenessMs.p99, stalenessMs.max].map((ms) => cell(ms, 0)),
      cell(cpuUs, 2),
    ]),
  });
  const { cached, tracked } = Object.fromEntries(figures) as Record<ReadWay, CacheFigures>;
  const gets = Math.max(cached.getsPerSecond, tracked.getsPerSecond);
  const reads = Math.min(cached.readsPerSecond, tracked.readsPerSecond);
  bench.goal({
    what: "50,000 reads/s of one key are below 100/s at the server",
    holds: gets < GETS_PER_SECOND_MAX && reads > 0.95 * READS_PER_SECOND,
    measured: `${reads.toFixed(0)} reads/s, ${gets.toFixed(1)} GETs/s`,
  });
  bench.goal({
    what: "staleness p99 is below the lifetime",
    holds: cached.stalenessMs.p99 < CACHE_TTL_MS,
    measured: `${cached.stalenessMs.p99} ms of ${CACHE_TTL_MS} ms`,
  });
  bench.goal({
    what: "with tracking, staleness p99 is below 50 ms",
    holds: tracked.stalenessMs.p99 < TRACKED_STALENESS_MS,
    measured: `${tracked.stalenessMs.p99} ms`,
  });
}

async function spread(bench: Bench, servers: TestCluster): Promise<void> {
  const cluster = new Cluster(servers.nodes.map(({ host, port }) => ({ host, port })));
  const increments = bench.isQuick ? SPREAD_INCREMENTS / 5 : SPREAD_INCREMENTS;
  const spreads = await counterSpread(servers, cluster, increments).finally(() => cluster.disconnect());
  bench.table({
    title: "A write-hot counter over the nodes of a cluster",
    load: `${increments} increments by one process, ${servers.primaries.length} primaries with replicas; each primary's share by its own INFO commandstats`,
    columns: ["", ...servers.primaries.map((_, i) => `node ${i + 1} %`), "from even, at most %"],
    rows: spreads.map(({ name, perNode, unevenness }) => [
      name,
      ...perNode.map((count) => cell((100 * count) / increments, 1)),
      cell(100 * unevenness, 1),
    ]),
  });
  const sharded = spreads.slice(1);
  const worst = Math.max(...sharded.map(({ unevenness }) => unevenness));
  bench.goal({
    what: "a write-hot counter spreads over all nodes within 20% of even",
    holds: worst <= GOAL_UNEVENNESS,
    measured: `at most ${(100 * worst).toFixed(1)}% from even`,
  });
}

/** `ports`: of each place where a remedy may run, parted by commas. */
async function cpu(bench: Bench, ports: Readonly<Record<RemedyCall["on"], string>>): Promise<void> {
  const rows = [];
  for (const [index, { name, plain, on }] of REMEDY_CALLS.entries()) {
    const runs = await runsOf(bench, index, ports[on]);
    rows.push([
      `${name}, ${on}`,
      plain,
      spreadCell(
        runs.map((run) => run.plain),
        2,
      ),
      spreadCell(
        runs.map((run) => run.remedied),
        2,
      ),
      spreadCell(
        runs.map((run) => run.remedied / run.plain),
        2,
      ),
    ]);
    bench.progress(`${name}, ${on}`);
  }
  bench.table({
    title: "What an app pays for a call of each remedy, against the plain command",
    load: `${callsOf(bench)} calls a round by ${CONCURRENCY} callers that each wait for their reply, ioredis; CPU of the process, user and system; median of ${roundsOf(bench)} rounds, the remedy and the plain command in turn in one process, range in brackets`,
    columns: ["call", "plain", "plain us", "remedy us", "ratio"],
    rows,
  });
}

async function runsOf(bench: Bench, index: number, ports: string): Promise<RemedyRun[]> {
  const script = fileURLToPath(new URL("support/remedy-process.ts", import.meta.url));
  const child = fork(script, [String(index), ports]);
  const ready = await Promise.race([once(child, "message"), once(child, "exit")]);
  if (ready[0] !== "ready") throw new Error(`the process of row ${index} ended with ${ready[0]}`);
  const load = { calls: callsOf(bench), concurrency: CONCURRENCY };
  for (const endMs = performance.now() + WARM_UP_MS; performance.now() < endMs; )
    await run(child, { ...load, isRemedyFirst: false });
  const runs: RemedyRun[] = [];
  for (let round = 0; round < roundsOf(bench); round++)
    runs.push(await run(child, { ...load, isRemedyFirst: round % 2 === 0 }));
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
  return runs;
}

async function run(child: ChildProcess, load: RemedyLoad): Promise<RemedyRun> {
  child.send(load);
  const [figures] = await once(child, "message");
  return figures as RemedyRun;
}

function callsOf({ isQuick }: Bench): number {
  return isQuick ? CALLS / 5 : CALLS;
}

function roundsOf({ isQuick }: Bench): number {
  return isQuick ? 3 : ROUNDS;
}
