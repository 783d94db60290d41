import { setTimeout as sleep } from "node:timers/promises";
import { Fleet } from "../test/support/fleet.ts";
import { startKafka } from "../test/support/kafka.ts";
import { startRedis } from "../test/support/redis.ts";
import { liveThreadSeconds } from "./support/process-cpu.ts";
import { cell } from "./support/report.ts";
import { runBench } from "./support/run-bench.ts";

const GOAL_PERCENT = 0.5;
/** Code is compiled, windows fill, the garbage of the start is collected. */
const SETTLING_MS = 30_000;

/** An agent and an aggregator of a server that nobody uses. */
await runBench("kafka-idle", async (bench) => {
  const measuredMs = bench.isQuick ? 10_000 : 60_000;
  await using stack = new AsyncDisposableStack();
  const kafka = await startKafka(null);
  stack.defer(() => kafka.stop());
  const redis = await startRedis(null);
  stack.defer(() => redis.stop());
  const common = { windows: ["10s", "60s"], grace: "2s", kafka: { sessionTimeout: "10s" } };
  const fleet = new Fleet({ after: (task) => stack.defer(task) }, { brokers: kafka.brokers, common });
  await fleet.createTopics();
  const processes = [
    { name: "agent", process: await fleet.agent([redis.url]) },
    { name: "aggregator", process: await fleet.aggregator() },
  ];
  await Promise.all(processes.map(({ process }) => process.ready()));
  bench.progress("agent and aggregator settle");
  await sleep(SETTLING_MS);
  const startMs = performance.now();
  const before = processes.map(({ process }) => liveThreadSeconds(process.pid));
  await sleep(measuredMs);
  const seconds = (performance.now() - startMs) / 1000;
  const percents = processes.map(({ name, process }, i) => ({
    name,
    percent: (100 * (liveThreadSeconds(process.pid) - before[i]!)) / seconds,
  }));
  bench.table({
    title: "Idle, percent of a core",
    load: `a broker, an idle server, one process each; ${measuredMs / 1000} s after ${SETTLING_MS / 1000} s of settling; CPU of all threads by /proc (schedstat)`,
    columns: ["", "%"],
    rows: percents.map(({ name, percent }) => [`keyheat ${name}`, cell(percent, 2)]),
  });
  for (const { name, percent } of percents) {
    bench.goal({
      what: `the idle ${name} uses less than ${GOAL_PERCENT}% of a core`,
      holds: percent < GOAL_PERCENT,
      measured: `${percent.toFixed(2)}%`,
    });
  }
});
