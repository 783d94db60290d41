import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Cluster } from "ioredis";
import { startRedis } from "../test/support/redis.ts";
import { startRedisCluster, type TestCluster } from "../test/support/redis-cluster.ts";
import { counterSpread } from "./support/counter-spread.ts";
import { REMEDY_CALLS, type RemedyCall } from "./support/remedy-calls.ts";
import type { RemedyLoad, RemedyRun } from "./support/remedy-process.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";

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
    await spread(bench, cluster);
    await cpu(bench, {
      server: String(server.port),
      cluster: cluster.nodes.map(({ port }) => port).join(","),
    });
  } finally {
    await cluster.stop();
  }
});

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
