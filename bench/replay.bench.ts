import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "../test/support/redis.ts";
import { liveThreadSeconds } from "./support/process-cpu.ts";
import { recordFrames } from "./support/recorded-frames.ts";
import { type ReplayProcess, startReplay } from "./support/replay-process.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { median } from "./support/statistics.ts";
import { type Subscriber, settled, startKeyheat, startScript } from "./support/subscriber-process.ts";
import { ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const EXPONENT = 1.1;
const RUNS = 5;
/** A recording is taken in at one go, much faster than a server would publish it: not long enough to be a backlog. */
const EVENTS = 100_000;
/** Copies of it in a measured run, and before that to warm the compilers. */
const COPIES = 20;
const WARM_UP_COPIES = 10;
/** Between two copies. */
const PAUSE_MS = 50;
/** Until the last copy is surely taken in. */
const SETTLING_MS = 500;
const GOAL_MILLION_PER_SECOND = 3;

interface Recording {
  readonly frames: Buffer;
  readonly events: number;
}

interface Run {
  readonly cpuSeconds: number;
}

interface Contender {
  readonly name: string;
  readonly start: (proxy: ReplayProcess) => Promise<Subscriber>;
  /** What its progress counts. */
  readonly counts: "events" | "bytes";
  readonly runs: Run[];
}

await runBench("replay", async (bench) => {
  bench.progress(`recording ${EVENTS} events`);
  const frames = await recordFrames(new ZipfKeys(KEYS, EXPONENT), EVENTS);
  await measureAll(bench, { frames, events: EVENTS });
});

async function measureAll(bench: Bench, recording: Recording): Promise<void> {
  const drain: Contender = { name: "raw drain", start: script("drain"), counts: "bytes", runs: [] };
  const keyheat: Contender = {
    name: "keyheat standalone",
    start: ({ url }) => startKeyheat(url),
    counts: "events",
    runs: [],
  };
  const ioredis: Contender = {
    name: "ioredis pmessage + Map",
    start: script("ioredis"),
    counts: "events",
    runs: [],
  };
  const contenders = [drain, keyheat, ioredis];
  await using server = await startRedis(null);
  await using proxy = await startReplay(server.port, recording.frames);
  const runs = bench.isQuick ? 2 : RUNS;
  for (let run = 0; run < runs; run++) {
    for (const contender of contenders) contender.runs.push(await measure(proxy, contender, recording));
    bench.progress(`${run + 1} of ${runs} runs`);
  }
  report(bench, recording, { drain, keyheat, ioredis });
}

function script(name: string): Contender["start"] {
  return ({ port }) => startScript(`${name}-subscriber.ts`, port);
}

async function measure(
  proxy: ReplayProcess,
  { name, start, counts }: Contender,
  { frames, events }: Recording,
): Promise<Run> {
  await using subscriber = await start(proxy);
  // Its subscription may still be under way.
  await settled(subscriber);
  await replay(proxy, WARM_UP_COPIES);
  await settled(subscriber);
  const before = await subscriber.progress();
  const expected = before + COPIES * (counts === "bytes" ? frames.length : events);
  const cpuBefore = liveThreadSeconds(subscriber.pid);
  await replay(proxy, COPIES);
  await sleep(SETTLING_MS);
  const used = liveThreadSeconds(subscriber.pid) - cpuBefore;
  await settled(subscriber);
  const found = await subscriber.progress();
  // An answer to a PING may have come in between; it has no events.
  if (counts === "bytes" ? found < expected : found !== expected) {
    throw new Error(`${name} took in ${found - before} of ${expected - before} ${counts}`);
  }
  return { cpuSeconds: used };
}

async function replay(proxy: ReplayProcess, copies: number): Promise<void> {
  for (let copy = 0; copy < copies; copy++) {
    await proxy.replay(1);
    await sleep(PAUSE_MS);
  }
}

function report(
  bench: Bench,
  { frames, events }: Recording,
  contenders: Record<"drain" | "keyheat" | "ioredis", Contender>,
): void {
  const { drain, keyheat } = contenders;
  const sent = COPIES * events;
  const perCpuSecond = ({ runs }: Contender) => runs.map((run) => sent / run.cpuSeconds / 1e6);
  const microseconds = ({ runs }: Contender) => runs.map((run) => (run.cpuSeconds * 1e6) / sent);
  const floor = microseconds(drain);
  bench.table({
    title: "Replay over a socket into whole processes",
    load: `${COPIES} times ${events} recorded set events, ${(frames.length / events).toFixed(1)} bytes each, Zipf(${EXPONENT}) over ${KEYS} keys, through a proxy of its own process that waits for the reader, ${PAUSE_MS} ms between two; CPU of all threads of the subscriber by /proc (schedstat); a process each run, warmed up by ${WARM_UP_COPIES} copies; median of ${drain.runs.length} runs in turn, range in brackets`,
    columns: ["", "M events/CPU second", "us CPU/event", "to the drain"],
    rows: Object.values(contenders).map((contender) => [
      contender.name,
      spreadCell(perCpuSecond(contender), 2),
      spreadCell(microseconds(contender), 3),
      cell(median(microseconds(contender).map((figure, run) => figure / (floor[run] ?? 0))), 2),
    ]),
  });
  const goal = `at least ${GOAL_MILLION_PER_SECOND} M events/s on one core, nothing lost`;
  bench.goal({
    what: `${goal} (events a CPU second of all threads)`,
    holds: median(perCpuSecond(keyheat)) >= GOAL_MILLION_PER_SECOND,
    measured: `${median(perCpuSecond(keyheat)).toFixed(2)} M; all ${sent} events counted in each of ${keyheat.runs.length} runs`,
  });
}
