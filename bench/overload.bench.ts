import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "../test/support/redis.ts";
import { AnsweredCounts } from "./support/answered-counts.ts";
import { type CpuQuota, cpuQuotaOf } from "./support/cpu-quota.ts";
import { OverloadWatch, residentMibOf, type Sample } from "./support/overload-watch.ts";
import { PacedSets } from "./support/paced-sets.ts";
import { PIPELINE_DEPTH, packedSets } from "./support/pipelined-sets.ts";
import { cpuSeconds } from "./support/process-cpu.ts";
import { type Cell, cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { infoNumber } from "./support/server-info.ts";
import { StandaloneProcess } from "./support/standalone-process.ts";
import { median } from "./support/statistics.ts";
import { type Accuracy, accuracyOf, EDGE_MS, TOP } from "./support/window-accuracy.ts";
import { ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const EXPONENT = 1.1;
const BATCHES_OF_COMMANDS = 16_384;
/** Leaves the server and the load generator room on two cores. */
const PACE = { perSecond: 300_000, connections: 8 };
const SHARE = 1 / 3;
const RECOVERED_MS_MAX = 60_000;
const GOAL = { errorPercent: 5, memoryGrowth: 1.1, recoveredMs: 30_000 };

/** Of the bench: full and quick. */
interface Times {
  readonly warmUpMs: number;
  readonly needMs: number;
  readonly overloadMs: number;
  readonly sampleMs: number;
}

const TIMES: Times = { warmUpMs: 15_000, needMs: 15_000, overloadMs: 60_000, sampleMs: 5000 };
const TIMES_QUICK: Times = { warmUpMs: 8000, needMs: 5000, overloadMs: 15_000, sampleMs: 2500 };

/** How often the subscription was cut, as both sides count it. */
interface Cuts {
  readonly gaps: number;
  /** `null`: this server does not count them. */
  readonly disconnections: number | null;
}

interface Overload {
  readonly startMs: number;
  readonly endMs: number;
  readonly samples: readonly Sample[];
  readonly mostUnsentMib: number;
  readonly subscriptions: number;
  readonly residentMib: { readonly start: number; readonly middle: number; readonly end: number };
  readonly coresUsed: number;
}

await runBench("overload", async (bench) => {
  const times = bench.isQuick ? TIMES_QUICK : TIMES;
  const flags = ["--notify-keyspace-events", "Eg$lshzxetdm"];
  // The default limits of a subscription's buffer are what it is about: 32 MiB, or 8 MiB for 60 s.
  await using server = await startRedis(null, { args: flags });
  await using keyheat = await StandaloneProcess.start({
    targets: [{ url: server.url }],
    sources: { keyspace: { configure: "ensure" } },
    receivers: [{ name: "log", log: {} }],
    log: { level: "warn" },
  });
  await using quota = cpuQuotaOf(keyheat.pid);
  const sets = packedSets(new ZipfKeys(KEYS, EXPONENT), BATCHES_OF_COMMANDS);
  const truth = new AnsweredCounts(sets);
  const paced = await PacedSets.open({ ...PACE, port: server.port, sets, onAnswered: truth.note });
  const cutsOf = async (): Promise<Cuts> => ({
    gaps: await keyheat.metric("keyheat_tap_gaps_total"),
    disconnections: await infoNumber(server.port, "stats", "client_output_buffer_limit_disconnections"),
  });
  paced.start();
  bench.progress("measuring what it needs");
  await sleep(times.warmUpMs);
  const needCores = await coresUsed(keyheat.pid, times.needMs);
  const before = await cutsOf();
  using watch = await OverloadWatch.start({ port: server.port, pid: keyheat.pid, url: keyheat.url });
  const normal = await watch.sample();
  bench.progress(`${needCores.toFixed(3)} cores; a third of it for ${times.overloadMs / 1000} s`);
  const overload = await overloaded(bench, { watch, quota, pid: keyheat.pid, needCores, times });
  const recoveredMs = await recovered(watch);
  const after = await cutsOf();
  await paced.stop();
  const load = `${PACE.perSecond} SETs/s in bursts of ${PIPELINE_DEPTH} on ${PACE.connections} connections (at worst ${paced.worstLagMs.toFixed(0)} ms behind), Zipf(${EXPONENT}) over ${KEYS} keys, real redis-server with its default limits of output buffers; keyheat used ${needCores.toFixed(3)} cores unhindered and ${overload.coresUsed.toFixed(3)} under the quota of a third (${quota.means})`;
  const accuracies = overload.samples.flatMap((sample) => accuracyOf(sample, truth, overload.startMs));
  tabulate(bench, { load, normal, overload, accuracies, truth });
  judge(bench, { before, after, overload, accuracies, recoveredMs });
});

async function overloaded(
  bench: Bench,
  {
    watch,
    quota,
    pid,
    needCores,
    times,
  }: { watch: OverloadWatch; quota: CpuQuota; pid: number; needCores: number; times: Times },
): Promise<Overload> {
  const resident = () => residentMibOf(pid) ?? Number.NaN;
  const samples: Sample[] = [];
  const start = resident();
  let middle = start;
  quota.limit(needCores * SHARE);
  const startMs = Date.now();
  const cpuBefore = cpuSeconds(pid);
  for (let dueMs = times.sampleMs; dueMs <= times.overloadMs; dueMs += times.sampleMs) {
    await sleep(Math.max(0, startMs + dueMs - Date.now()));
    if (dueMs <= times.overloadMs / 2) middle = resident();
    samples.push(await watch.sample());
    const { state, probability } = samples.at(-1) ?? {};
    bench.progress(`${dueMs / 1000} s: ${state ?? "no answer"}, probability ${probability ?? "unknown"}`);
  }
  const endMs = Date.now();
  const used = cpuSeconds(pid) - cpuBefore;
  const end = resident();
  quota.lift();
  return {
    startMs,
    endMs,
    samples,
    mostUnsentMib: watch.mostUnsentMib,
    subscriptions: watch.subscriptions,
    residentMib: { start, middle, end },
    coresUsed: (used * 1000) / (endMs - startMs),
  };
}

/** Until it is up and sees everything again, in ms; `null`: not within a minute. */
async function recovered(watch: OverloadWatch): Promise<number | null> {
  const startMs = performance.now();
  while (performance.now() - startMs < RECOVERED_MS_MAX) {
    const { state, probability } = await watch.sample();
    if (state === "up" && probability === 1) return performance.now() - startMs;
    await sleep(250);
  }
  return null;
}

async function coresUsed(pid: number, measuredMs: number): Promise<number> {
  const startMs = performance.now();
  const before = cpuSeconds(pid);
  await sleep(measuredMs);
  return ((cpuSeconds(pid) - before) * 1000) / (performance.now() - startMs);
}

interface Findings {
  readonly load: string;
  readonly normal: Sample;
  readonly overload: Overload;
  readonly accuracies: readonly Accuracy[];
  readonly truth: AnsweredCounts;
}

function tabulate(bench: Bench, { load, normal, overload, accuracies, truth }: Findings): void {
  const unhindered = accuracyOf(normal, truth, 0)[0];
  const rowOf = (name: string, sample: Sample, accuracy: Accuracy | undefined) => [
    name,
    sample.state ?? "no answer",
    optional(sample.probability, 4),
    optional(sample.gaps),
    cell(sample.unsentMib, 1),
    optional(sample.residentMib),
    optional(accuracy?.meanErrorPercent ?? null, 2),
    optional(accuracy?.worstErrorPercent ?? null, 2),
    accuracy ? `${accuracy.lowersHolding}/${accuracy.lowers}` : "-",
  ];
  bench.table({
    title: "Under a third of the CPU that it needs",
    load: `${load}; estimates of the last closed 10 s window against what was answered in the same 10 s, where the window began after the overload; a lower bound holds if at most so many ran in the window and ${EDGE_MS} ms around it`,
    columns: [
      "",
      "source",
      "probability",
      "gaps",
      "unsent MiB",
      "RSS MiB",
      `top ${TOP} mean error %`,
      "worst %",
      "lower bounds that hold",
    ],
    rows: [
      rowOf("before", normal, unhindered),
      ...overload.samples.map((sample) =>
        rowOf(
          `after ${((sample.atMs - overload.startMs) / 1000).toFixed(1)} s`,
          sample,
          accuracies.find((accuracy) => accuracy.sample === sample),
        ),
      ),
    ],
  });
}

interface Verdicts {
  readonly before: Cuts;
  readonly after: Cuts;
  readonly overload: Overload;
  readonly accuracies: readonly Accuracy[];
  readonly recoveredMs: number | null;
}

function judge(bench: Bench, { before, after, overload, accuracies, recoveredMs }: Verdicts): void {
  const gaps = after.gaps - before.gaps;
  const cuts = after.disconnections === null ? null : after.disconnections - (before.disconnections ?? 0);
  bench.goal({
    what: "the server never cuts the subscription",
    holds: gaps === 0 && (cuts ?? 0) === 0,
    measured: `${gaps} gaps, ${cuts ?? "an untold number of"} disconnections by the server, ${overload.subscriptions} subscriptions seen; at most ${overload.mostUnsentMib.toFixed(1)} MiB unsent`,
  });
  const { start, middle, end } = overload.residentMib;
  bench.goal({
    what: `memory is flat: RSS at the end at most ${GOAL.memoryGrowth} times that in the middle`,
    holds: end <= GOAL.memoryGrowth * middle,
    measured: `${(end / middle).toFixed(2)} times (start ${start.toFixed(0)}, middle ${middle.toFixed(0)}, end ${end.toFixed(0)} MiB)`,
  });
  const worst = accuracies.map(({ worstErrorPercent }) => worstErrorPercent);
  bench.goal({
    what: `the estimates of the top ${TOP} lie within ${GOAL.errorPercent}%`,
    holds: worst.length > 0 && Math.max(...worst) <= GOAL.errorPercent,
    measured:
      worst.length === 0
        ? "no window of the overload was answered"
        : `the worst key is off by ${Math.max(...worst).toFixed(1)}%, in the median of ${worst.length} windows by ${median(worst).toFixed(1)}%`,
  });
  const probabilities = overload.samples.flatMap(({ probability }) => probability ?? []);
  const shown = probabilities.filter((probability) => probability < 1).length;
  bench.goal({
    what: "a probability below 1 is shown",
    holds: shown > 0,
    measured: `in ${shown} of ${overload.samples.length} answers, ${probabilities.length > 0 ? `from ${Math.min(...probabilities)} to ${Math.max(...probabilities)}` : "none told one"}`,
  });
  const lowers = accuracies.reduce((sum, { lowers }) => sum + lowers, 0);
  const holding = accuracies.reduce((sum, { lowersHolding }) => sum + lowersHolding, 0);
  const excess = Math.max(...accuracies.map(({ worstExcessPercent }) => worstExcessPercent));
  bench.goal({
    what: "every lower bound holds",
    holds: lowers > 0 && holding === lowers,
    measured: `${holding} of ${lowers}${holding < lowers ? `, the worst is ${excess.toFixed(2)}% too high` : ""}`,
  });
  bench.goal({
    what: `back to probability 1 within ${GOAL.recoveredMs / 1000} s after the quota is lifted`,
    holds: shown > 0 && recoveredMs !== null && recoveredMs <= GOAL.recoveredMs,
    measured: shown === 0 ? "it was never below 1" : recoveryText(recoveredMs),
  });
}

function recoveryText(recoveredMs: number | null): string {
  if (recoveredMs === null) return `not within ${RECOVERED_MS_MAX / 1000} s`;
  return `${(recoveredMs / 1000).toFixed(1)} s`;
}

function optional(value: number | null, digits = 0): string | Cell {
  return value === null ? "-" : cell(value, digits);
}
