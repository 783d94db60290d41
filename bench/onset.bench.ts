import { setTimeout as sleep } from "node:timers/promises";
import { type Onset, OnsetRig, THRESHOLD_PER_SECOND, WINDOW_MS } from "./support/onset-rig.ts";
import { type Cell, cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { quantile } from "./support/statistics.ts";

/** From the crossing to the page, of 99 in 100 onsets at 20 times the threshold. */
const GOAL_P99_MS = 400;
const HOT_FACTOR = 20;
const QUIET_FACTOR = 0.95;
const LOAD =
  "real redis-server, keyheat as its own process, rule 1,000/s over 10 s, 2,000/s background writes";

await runBench("onset", async (bench) => {
  await measureOnsets(bench, "groupWait 100ms, the default", { burst: 1000 });
  await measureOnsets(bench, "groupWait 0ms", { burst: 1000, groupWait: "0ms" });
  await measureFactors(bench);
});

/**
 * The budget of messages (5, then one in 30 s) would hold back most of a hundred pages, as it should: it is raised.
 */
async function measureOnsets(bench: Bench, settings: string, route: object): Promise<void> {
  const wanted = bench.isQuick ? 10 : 100;
  const onsets: Onset[] = [];
  await using rig = await OnsetRig.start(route);
  for (let i = 0; i < wanted; i++) {
    onsets.push(await rig.onset(`sale:${i}`, HOT_FACTOR * THRESHOLD_PER_SECOND));
    if (onsets.length % 20 === 0) bench.progress(`${onsets.length} of ${wanted} onsets, ${settings}`);
  }
  const repeated = onsets.filter(({ key }) => rig.pagesOf(key)?.length !== 1);
  const stages: readonly [string, (onset: Onset) => number][] = [
    ["crossing to webhook", (onset) => onset.arrivedMs - onset.crossedMs],
    ["  crossing to its answer (load generator, server)", (onset) => onset.answeredMs - onset.crossedMs],
    ["  crossing to incident (early part, rule)", (onset) => onset.firedMs - onset.crossedMs],
    ["  incident to message (groupWait)", (onset) => onset.leftMs - onset.firedMs],
    ["  message to webhook (delivery)", (onset) => onset.arrivedMs - onset.leftMs],
  ];
  bench.table({
    title: `Onset at ${HOT_FACTOR} times the threshold, ms; ${settings}`,
    load: `${LOAD}; ${wanted} keys at 20,000/s one after the other from random phases of a second, burst 1000`,
    columns: ["", "p50", "p90", "p99", "max"],
    rows: stages.map(([name, msOf]) => [name, ...quantileCells(onsets.map(msOf))]),
  });
  const rates = onsets.map(({ currentRatePerSecond }) => currentRatePerSecond);
  bench.table({
    title: "Current rate that the first page says, of a key at 20,000/s",
    load: "the same onsets",
    columns: ["", "median", "lowest", "highest"],
    rows: [["per second", cell(quantile(rates, 0.5)), cell(Math.min(...rates)), cell(Math.max(...rates))]],
  });
  const p99 = quantile(
    onsets.map((onset) => onset.arrivedMs - onset.crossedMs),
    0.99,
  );
  bench.goal({
    what: `crossing to webhook p99 <= ${GOAL_P99_MS} ms (${settings})`,
    holds: p99 <= GOAL_P99_MS,
    measured: `${p99.toFixed(0)} ms over ${onsets.length} onsets`,
  });
  bench.goal({
    what: "each key paged exactly once",
    holds: repeated.length === 0,
    measured: `${onsets.length - repeated.length} of ${onsets.length}`,
  });
}

async function measureFactors(bench: Bench): Promise<void> {
  const onsetsEach = bench.isQuick ? 3 : 8;
  const quietMs = bench.isQuick ? 15_000 : 60_000;
  await using rig = await OnsetRig.start({ burst: 1000 });
  const quiet = await rig.writes("quiet", QUIET_FACTOR * THRESHOLD_PER_SECOND);
  quiet.start();
  const quietFromMs = performance.now();
  const rows: (string | Cell)[][] = [];
  for (const factor of [1.2, 2, 5, HOT_FACTOR]) {
    bench.progress(`onsets at ${factor} times the threshold`);
    const onsets = await onsetsAt(rig, factor, onsetsEach);
    const toPage = onsets.map((onset) => (onset.arrivedMs - onset.startedMs) / 1000);
    const afterCrossing = onsets.map((onset) => onset.arrivedMs - onset.crossedMs);
    rows.push([
      `${factor}`,
      cell(WINDOW_MS / 1000 / factor, 2),
      ...[quantile(toPage, 0.5), Math.max(...toPage)].map((seconds) => cell(seconds, 2)),
      ...[quantile(afterCrossing, 0.5), Math.max(...afterCrossing)].map((ms) => cell(ms)),
    ]);
  }
  await sleep(Math.max(0, quietMs - (performance.now() - quietFromMs)));
  const sent = await quiet.stop();
  const seconds = (performance.now() - quietFromMs) / 1000;
  // What it wrote last is in a closed pane by then.
  await sleep(2500);
  bench.table({
    title: "Onset to webhook by how far the key is above the threshold",
    load: `${LOAD}; ${onsetsEach} cold keys each, from random phases of a second; default groupWait`,
    columns: [
      "times",
      "theory s (10/x)",
      "onset to page p50 s",
      "max s",
      "crossing to page p50 ms",
      "max ms",
    ],
    rows,
  });
  const mostInWindow = QUIET_FACTOR * THRESHOLD_PER_SECOND * ((WINDOW_MS + quiet.worstLagMs) / 1000);
  bench.goal({
    what: `a key at ${QUIET_FACTOR} times the threshold never pages`,
    holds: rig.pagesOf("quiet") === null,
    measured: `${sent} writes in ${seconds.toFixed(0)} s, at most ${mostInWindow.toFixed(0)} in 10 s`,
  });
}

/** Slow onsets overlap, so that the table takes a minute, not five: together they stay below 20,000/s. */
async function onsetsAt(rig: OnsetRig, factor: number, count: number): Promise<Onset[]> {
  const perSecond = factor * THRESHOLD_PER_SECOND;
  const together = Math.max(1, Math.floor(20_000 / perSecond));
  const onsets: Onset[] = [];
  for (let first = 0; first < count; first += together) {
    const keys = Array.from(
      { length: Math.min(together, count - first) },
      (_, i) => `at-${factor}:${first + i}`,
    );
    onsets.push(...(await Promise.all(keys.map((key) => rig.onset(key, perSecond)))));
  }
  return onsets;
}

function quantileCells(values: readonly number[]): Cell[] {
  return [0.5, 0.9, 0.99, 1].map((q) => cell(quantile(values, q)));
}
