import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { PROBABILITY_MIN } from "../src/client/sampler.ts";
import { startRedis, type TestServer } from "../test/support/redis.ts";
import { accuracyOfSampling } from "./support/client-accuracy.ts";
import type { ClientLoad, ClientRun } from "./support/client-process.ts";
import { type DriverName, WAYS_IN } from "./support/client-ways.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { median, quantile } from "./support/statistics.ts";

const DRIVERS: readonly DriverName[] = ["ioredis", "node-redis"];
const GETS = 100_000;
const LOADS: readonly ClientLoad[] = [
  { what: "concurrency 1", gets: GETS, concurrency: 1, pipelined: 1 },
  { what: "concurrency 50", gets: GETS, concurrency: 50, pipelined: 1 },
  { what: "pipelined 100", gets: GETS, concurrency: 1, pipelined: 100 },
];
/** New processes so often: where code and data happen to lie makes a per cent of difference. */
const GENERATIONS = 3;
const ROUNDS = 7;
/** The compilers are done with nearly all of it by then. */
const WARM_UP_MS = 5000;
const GOAL_RATIO = 1.03;
const ACCURACY_RUNS = 100;
/** Of a key at 1,000/s in 10 s. */
const ACCURACY_TRUTH = 10_000;
const GOAL_ERROR = 0.03;

/** What one way in cost, round by round. */
interface Figures {
  readonly name: string;
  readonly runs: ClientRun[];
  /** To the floor of the same round. */
  readonly cpuRatios: number[];
  readonly throughputRatios: number[];
}

await runBench("client", async (bench) => {
  accuracy(bench);
  await using server = await startRedis(null);
  for (const driver of DRIVERS) {
    for (const load of LOADS) report(bench, driver, load, await compare(bench, server, driver, load));
  }
});

async function compare(
  bench: Bench,
  server: TestServer,
  driver: DriverName,
  load: ClientLoad,
): Promise<Figures[]> {
  const figures = WAYS_IN.map(({ name }) => ({
    name,
    runs: [] as ClientRun[],
    cpuRatios: [] as number[],
    throughputRatios: [] as number[],
  }));
  const generations = bench.isQuick ? 1 : GENERATIONS;
  for (let generation = 0; generation < generations; generation++) {
    const [sink, agent] = await start("client-sink.ts", []);
    const clients: ChildProcess[] = [];
    for (const { name } of figures) {
      const [client] = await start("client-process.ts", [driver, name, String(server.port), String(agent)]);
      clients.push(client);
      for (const endMs = performance.now() + WARM_UP_MS; performance.now() < endMs; ) await run(client, load);
    }
    for (let round = 0; round < (bench.isQuick ? 3 : ROUNDS); round++)
      await inTurn(clients, figures, load, round);
    await Promise.all([...clients, sink].map(end));
    bench.progress(`${generation + 1} of ${generations} generations, ${driver}, ${load.what}`);
  }
  return figures;
}

/** Each client once, a different one first in each round. */
async function inTurn(
  clients: readonly ChildProcess[],
  figures: readonly Figures[],
  load: ClientLoad,
  round: number,
): Promise<void> {
  const runs: ClientRun[] = [];
  for (let turn = 0; turn < clients.length; turn++) {
    const index = (turn + round) % clients.length;
    const client = clients[index];
    if (client) runs[index] = await run(client, load);
  }
  const [floor] = runs;
  if (!floor) return;
  figures.forEach(({ runs: all, cpuRatios, throughputRatios }, index) => {
    const one = runs[index] ?? floor;
    all.push(one);
    cpuRatios.push(one.cpuMicroseconds / floor.cpuMicroseconds);
    throughputRatios.push(one.getsPerSecond / floor.getsPerSecond);
  });
}

async function start(script: string, args: readonly string[]): Promise<[ChildProcess, unknown]> {
  const child = fork(fileURLToPath(new URL(`support/${script}`, import.meta.url)), [...args]);
  const [message] = await once(child, "message");
  return [child, message];
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}

async function run(client: ChildProcess, load: ClientLoad): Promise<ClientRun> {
  client.send(load);
  const [figures] = await once(client, "message");
  return figures as ClientRun;
}

function report(bench: Bench, driver: DriverName, load: ClientLoad, figures: readonly Figures[]): void {
  const rounds = figures[0]?.runs.length ?? 0;
  bench.table({
    title: `${driver}, ${load.what}: CPU and throughput of an app that is observed`,
    load: `${load.gets} GETs of 10,000 keys by Zipf(1), an HTTP sink as the agent; medians of ${rounds} rounds in turn, each way in a process of its own; ratios to the app of the same round that is not observed, with their quartiles`,
    columns: ["way in", "CPU us a GET", "CPU ratio", "GETs/s", "throughput ratio", "probability"],
    rows: figures.map(({ name, runs, cpuRatios, throughputRatios }) => [
      name,
      spreadCell(
        runs.map(({ cpuMicroseconds }) => cpuMicroseconds),
        2,
      ),
      ratioCell(cpuRatios),
      cell(median(runs.map(({ getsPerSecond }) => getsPerSecond))),
      ratioCell(throughputRatios),
      cell(runs.at(-1)?.probability ?? 0, 3),
    ]),
  });
  const observed = figures[1];
  if (!observed) return;
  const cpu = median(observed.cpuRatios);
  const throughput = median(observed.throughputRatios);
  bench.goal({
    what: `at most 3% of CPU a call, ${driver}, ${load.what}`,
    holds: cpu <= GOAL_RATIO,
    measured: `${percent(cpu - 1)} more`,
  });
  bench.goal({
    what: `at most 3% of throughput, ${driver}, ${load.what}`,
    holds: throughput >= 1 / GOAL_RATIO,
    measured: `${percent(1 - throughput)} less`,
  });
}

function ratioCell(ratios: readonly number[]) {
  const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
  const value = median(ratios);
  return { shown: `${value.toFixed(3)} (${low.toFixed(3)}-${high.toFixed(3)})`, value };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function accuracy(bench: Bench): void {
  const figures = [1 / 2, 1 / 4, PROBABILITY_MIN].map((probability) => ({
    probability,
    ...accuracyOfSampling(probability, ACCURACY_TRUTH, ACCURACY_RUNS),
  }));
  const biasOf = ({ mean, truth, standardError, runs }: (typeof figures)[number]) =>
    (mean / truth - 1) / (standardError / Math.sqrt(runs));
  bench.table({
    title: "What sampling leaves uncertain of a key at 1,000/s after 10 s",
    load: `${ACCURACY_RUNS} simulated runs of the sampler, one command in ten is of the key; bias in standard errors of the mean`,
    columns: ["probability", "mean estimate", "standard error %", "by theory %", "bias"],
    rows: figures.map((figure) => [
      cell(figure.probability, 3),
      cell(figure.mean),
      cell(100 * figure.standardError, 2),
      cell(100 * figure.expectedError, 2),
      cell(biasOf(figure), 2),
    ]),
  });
  const worst = figures.at(-1);
  if (!worst) return;
  bench.goal({
    what: "standard error below 3%, without bias, at the least probability",
    holds: worst.standardError < GOAL_ERROR && Math.abs(biasOf(worst)) <= 3,
    measured: `${percent(worst.standardError)}, bias of ${biasOf(worst).toFixed(2)} standard errors`,
  });
}
