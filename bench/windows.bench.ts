import { Ledger, unaccounted } from "../src/runtime/accounting.ts";
import { ByteBudget } from "../src/runtime/byte-budget.ts";
import { silentLogger } from "../src/runtime/logger.ts";
import { Windows } from "../src/windows/windows.ts";
import { type FleetMember, fleet } from "./support/fleet-parts.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";

const ENTRIES = 500;
const WINDOWS_MS = [10_000, 60_000];
const RULE_WINDOW_MS = 10_000;
/** The longest window is full, so that each second something enters and something leaves. */
const FILLED_AFTER_S = 62;
/** Of the defaults, 64 MiB of names and 512 MiB of parts are enough for 1,000 targets with entries of this size. */
const LIMITS = { keyBytesMax: 512 * 2 ** 20, partBytesMax: 4 * 2 ** 30 };
const GOAL_CORES = 0.5;
const GOAL_GROWTH = 1.5;

await runBench("windows", async (bench) => {
  const sizes = bench.isQuick ? [10, 100] : [10, 100, 1000, 5000];
  const costs = new Map<number, number>();
  const rows = sizes.map((targets) => {
    bench.progress(`${targets} targets`);
    const measuredSeconds = secondsOf(targets, bench.isQuick);
    const { cpuPerSecond, residentMib } = measure(targets, measuredSeconds);
    const entriesPerSecond = targets * ENTRIES;
    const microsecondsPerEntry = (1e6 * cpuPerSecond) / entriesPerSecond;
    costs.set(targets, microsecondsPerEntry);
    if (targets === 1000) judge(bench, cpuPerSecond);
    return [
      `${targets}`,
      cell(measuredSeconds),
      cell(entriesPerSecond),
      cell(1000 * cpuPerSecond, 1),
      cell(microsecondsPerEntry, 2),
      cell(residentMib),
    ];
  });
  judgeGrowth(bench, costs);
  bench.table({
    title: `Merging panes into windows of 10 s and 60 s`,
    load: `simulated seconds, one part of ${ENTRIES} entries a target and second, shards of one Redis Cluster, measured after the windows are full; CPU of the process, garbage collection included; limits raised from 64 to ${LIMITS.keyBytesMax / 2 ** 20} MiB of names and from 0.5 to ${LIMITS.partBytesMax / 2 ** 30} GiB of parts, which 5,000 targets need`,
    columns: ["targets", "measured s", "entries/s", "CPU ms per second", "us/entry", "RSS MiB"],
    rows,
  });
});

function secondsOf(targets: number, isQuick: boolean): number {
  if (isQuick) return 5;
  return targets > 1000 ? 10 : 20;
}

function judge(bench: Bench, cpuPerSecond: number): void {
  bench.goal({
    what: `1,000 targets x ${ENTRIES} entries a second in less than half a core`,
    holds: cpuPerSecond < GOAL_CORES,
    measured: `${cpuPerSecond.toFixed(2)} cores`,
  });
}

/** Judged only where both sizes were measured. */
function judgeGrowth(bench: Bench, costs: ReadonlyMap<number, number>): void {
  const [small, large] = [costs.get(1000), costs.get(5000)];
  if (small === undefined || large === undefined) return;
  bench.goal({
    what: `the cost grows no faster than the entries do: us/entry at 5,000 targets at most ${GOAL_GROWTH} times that at 1,000`,
    holds: large <= GOAL_GROWTH * small,
    measured: `${(large / small).toFixed(2)} times (${large.toFixed(2)} and ${small.toFixed(2)} us)`,
  });
}

function measure(targets: number, measuredSeconds: number): { cpuPerSecond: number; residentMib: number } {
  const windows = new Windows({
    windowsMs: WINDOWS_MS,
    hopMs: 1000,
    graceMs: 2000,
    keyBudget: new ByteBudget(LIMITS.keyBytesMax),
    partBudget: new ByteBudget(LIMITS.partBytesMax),
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  const members = fleet(targets, ENTRIES);
  for (let second = 0; second < FILLED_AFTER_S; second++) pass(windows, members, second);
  globalThis.gc?.();
  const before = process.cpuUsage();
  for (let i = 0; i < measuredSeconds; i++) pass(windows, members, FILLED_AFTER_S + i);
  const { user, system } = process.cpuUsage(before);
  check(windows, targets);
  return {
    cpuPerSecond: (user + system) / 1e6 / measuredSeconds,
    residentMib: process.memoryUsage.rss() / 2 ** 20,
  };
}

/** One second of all targets, with the look at each touched key that a rule takes. */
function pass(windows: Windows, members: readonly FleetMember[], second: number): void {
  const startMs = second * 1000;
  const nowMs = startMs + 1000;
  let hottest = 0;
  for (const member of members) {
    const part = member.partAt(startMs);
    for (const handle of windows.add(part, nowMs).touched) {
      hottest = Math.max(hottest, windows.runningFiringMax(part.cluster, handle, RULE_WINDOW_MS, "total"));
    }
    windows.expect(member.reportAt(nowMs));
  }
  windows.advance(nowMs);
  if (hottest === 0) throw new Error("nothing was counted");
}

/** Figures of an engine that left something out would be of another engine. */
function check(windows: Windows, targets: number): void {
  const { complete, heats } = windows.top("default", RULE_WINDOW_MS, targets);
  const lost = windows
    .books()
    .filter((books) => unaccounted(books) !== 0 || Object.keys(books.dropped).length > 0);
  if (!complete || heats.length !== targets || lost.length > 0) {
    throw new Error(
      `the windows are not whole: ${heats.length} keys, complete ${complete}, ${JSON.stringify(lost)}`,
    );
  }
}
