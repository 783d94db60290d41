import { RuleSet } from "../src/rules/rule-set.ts";
import { Ledger } from "../src/runtime/accounting.ts";
import { silentLogger } from "../src/runtime/logger.ts";
import { SurgeJudge } from "../src/surge-judge.ts";
import { Windows } from "../src/windows/windows.ts";
import { NoisyStream } from "../test/support/noisy-stream.ts";
import { makePart, makeReport } from "../test/support/parts.ts";
import { SurgeWatch, surgeRuleOf } from "../test/support/surge-watch.ts";
import { cell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { SIMPLE_ALARMS } from "./support/simple-alarms.ts";
import { median } from "./support/statistics.ts";

const PER_SECOND = 20;
const HOUR_S = 3600;
const WINDOW_S = 10;
const STEP_FACTOR = 6;
/** How noisy: the one that is judged is the second. */
const SCATTERS = [0.2, 0.27, 0.35];
const GOAL_SCATTER = 0.27;
const GOAL_ALARMS = 0.1;
const GOAL_WINDOWS = 3;
const STEP_S = 60;

interface Figures {
  readonly alarmsPerDay: number;
  /** Seconds from the step to the alarm, of each key of which it was seen. */
  readonly delaysS: readonly number[];
}

/** The statistic alone: with a threshold, a key at 20/s would need five times its mean. */
const rule = surgeRuleOf({ window: `${WINDOW_S}s`, threshold: "1/s" });
const withDefault = surgeRuleOf({ window: `${WINDOW_S}s` });

await runBench("surge", async (bench) => {
  const keys = bench.isQuick ? 12 : 60;
  const hours = bench.isQuick ? 12 : 48;
  for (const scatter of SCATTERS) {
    bench.progress(`scatter ${scatter}`);
    compare(bench, { keys, hours, scatter });
  }
  cost(bench);
});

interface Load {
  readonly keys: number;
  readonly hours: number;
  readonly scatter: number;
}

function compare(bench: Bench, load: Load): void {
  const { keys, hours, scatter } = load;
  const surge = figuresOf(load, () => surgeAlarm(new SurgeWatch(rule)));
  const surgeAbove = figuresOf(load, () => surgeAlarm(new SurgeWatch(withDefault)));
  const simple = SIMPLE_ALARMS.map(({ name, start }) => {
    return [name, figuresOf(load, () => simpleAlarm(new SurgeWatch(rule), start()))] as const;
  });
  bench.table({
    title: `False alarms and delay at ${PER_SECOND} accesses a second, noise of ${scatter}`,
    load: `${keys} keys, ${hours} simulated hours each, then a step to ${STEP_FACTOR} times; Poisson around a rate that swings by half over the day and wavers as an AR(1) process (standard deviation of its logarithm ${scatter}, memory 30 s); windows of ${WINDOW_S} s; an alarm is counted when it begins; surge looks each second, the others once a window`,
    columns: ["rule", "alarms a key and day", "steps seen", "delay p50 s", "delay max s"],
    rows: [
      ["surge", surge] as const,
      ["surge, threshold 100/s (default)", surgeAbove] as const,
      ...simple,
    ].map(([name, figures]) => [
      name,
      cell(figures.alarmsPerDay, 3),
      `${figures.delaysS.length} of ${keys}`,
      cell(median(figures.delaysS)),
      cell(Math.max(...figures.delaysS)),
    ]),
  });
  if (scatter === GOAL_SCATTER) judge(bench, keys, surge);
}

function judge(bench: Bench, keys: number, { alarmsPerDay, delaysS }: Figures): void {
  bench.goal({
    what: `surge: at most ${GOAL_ALARMS} false alarms a key and day`,
    holds: alarmsPerDay <= GOAL_ALARMS,
    measured: alarmsPerDay.toFixed(3),
  });
  const slowestS = Math.max(...delaysS);
  bench.goal({
    what: `surge: a step to ${STEP_FACTOR} times is seen within ${GOAL_WINDOWS} windows`,
    holds: delaysS.length === keys && slowestS <= GOAL_WINDOWS * WINDOW_S,
    measured: `${delaysS.length} of ${keys} keys, ${slowestS} s at most`,
  });
}

/** Told the accesses of a second. Whether an alarm begins; where `isAwaited`, whether there is one. */
type Alarm = (accesses: number, isAwaited: boolean) => boolean;

function figuresOf({ keys, hours, scatter }: Load, start: () => Alarm): Figures {
  let alarms = 0;
  const delaysS: number[] = [];
  for (let seed = 1; seed <= keys; seed++) {
    const stream = new NoisyStream({ seed, perSecond: PER_SECOND, scatter });
    const alarm = start();
    // Another second of the window for each key.
    for (let second = 0; second < hours * HOUR_S + seed; second++) if (alarm(stream.next(), false)) alarms++;
    const delayS = delayOf(stream, alarm);
    if (delayS !== null) delaysS.push(delayS);
  }
  return { alarmsPerDay: alarms / ((keys * hours) / 24), delaysS };
}

function delayOf(stream: NoisyStream, alarm: Alarm): number | null {
  for (let second = 1; second <= STEP_S; second++) if (alarm(stream.next(STEP_FACTOR), true)) return second;
  return null;
}

function surgeAlarm(watch: SurgeWatch): Alarm {
  return (accesses) => watch.pass(accesses);
}

/** Begins when it holds and has not held for three windows. */
function simpleAlarm(watch: SurgeWatch, holds: ReturnType<(typeof SIMPLE_ALARMS)[number]["start"]>): Alarm {
  let second = 0;
  let heldAt = Number.NEGATIVE_INFINITY;
  return (accesses, isAwaited) => {
    // Looked at before the baseline takes the window in.
    const { mean, dispersion, lagged } = watch.baseline;
    const { isWarm } = watch;
    watch.pass(accesses);
    if (++second % WINDOW_S !== 0 || !isWarm) return false;
    if (!holds({ mean, dispersion, lagged }, watch.count)) return false;
    const isNew = second - heldAt > 3 * WINDOW_S;
    heldAt = second;
    return isNew || isAwaited;
  };
}

/** What a hop costs with many keys above the threshold: usual ones, and those that all stand out at once. */
function cost(bench: Bench): void {
  const sizes = bench.isQuick ? [10_000] : [1000, 10_000, 100_000];
  const rows = sizes.flatMap((keys) =>
    [true, false].map((areUsual) => {
      bench.progress(`${keys} keys`);
      const hops = hopsMs(keys, areUsual, bench.isQuick ? 30 : 60);
      const mean = hops.reduce((sum, ms) => sum + ms, 0) / hops.length;
      const name = areUsual ? "as usual" : "all surge";
      return [`${keys}`, name, cell(mean, 2), cell(median(hops), 2), cell(Math.max(...hops), 1)];
    }),
  );
  bench.table({
    title: "What one surge rule costs",
    load: "keys of one server, each at 200 to 300 accesses a second, above the threshold of 100/s; one thread, for each closed hop; once a window the baselines take the counts in, which is the largest; where all surge, the 500 hottest of them are read and judged each hop",
    columns: ["keys", "they are", "mean ms", "p50 ms", "max ms"],
    rows,
  });
}

function hopsMs(keys: number, areUsual: boolean, seconds: number): number[] {
  const windowMs = 1000 * WINDOW_S;
  const windows = new Windows({
    windowsMs: [windowMs],
    hopMs: 1000,
    graceMs: 2000,
    ledger: new Ledger("windows"),
    logger: silentLogger,
  });
  const group = new RuleSet([withDefault]).groups[0]!;
  const judge = new SurgeJudge();
  const mean = areUsual ? 250 * WINDOW_S : 0;
  const hops: number[] = [];
  for (let second = 0; second < seconds; second++) {
    const startMs = 1000 * second;
    windows.add(makePart({ startMs, rows: busyRows(keys, second) }), startMs + 1000);
    windows.expect(makeReport({ atMs: startMs + 1000 }));
    for (const { cluster } of windows.advance(startMs + 1000)) {
      // As after a handover: with a past that is long enough.
      if (second === WINDOW_S) {
        const others = { mean, lagged: [mean, mean, mean] };
        judge.resume(
          windows,
          cluster,
          [group],
          [{ kind: "total", windowMs, counted: 100, others, keys: [] }],
        );
      }
      const startedMs = performance.now();
      for (const { handle, usual } of judge.hop(windows, cluster, group, new Set(), () => true)) {
        group.rules[0]!.judge(windows.closed(cluster, handle, windowMs), usual);
      }
      if (second >= 2 * WINDOW_S) hops.push(performance.now() - startedMs);
    }
  }
  return hops;
}

function busyRows(keys: number, second: number) {
  return Array.from({ length: keys }, (_, i) => ({ key: `user:${i}`, write: 200 + ((i + second) % 100) }));
}
