import { setTimeout as sleep } from "node:timers/promises";
import { command, startRedis, type TestServer } from "../test/support/redis.ts";
import { LIVE_LOADS, type LiveLoad } from "./support/live-loads.ts";
import { packedSets } from "./support/pipelined-sets.ts";
import { liveThreadSeconds } from "./support/process-cpu.ts";
import { cell, spreadCell } from "./support/report.ts";
import { type Bench, runBench } from "./support/run-bench.ts";
import { mainThreadSeconds } from "./support/server-info.ts";
import { median } from "./support/statistics.ts";
import { type Subscriber, settled, startKeyheat, startScript } from "./support/subscriber-process.ts";
import { type PackedNames, ZipfKeys } from "./support/zipf-keys.ts";

const KEYS = 1_000_000;
const EXPONENT = 1.1;
const RUNS = 5;
const BATCHES_OF_COMMANDS = 16_384;
/** The classes that keyheat asks for, so that it adds none. */
const ALL_FLAGS = "Eg$lshzxetdm";
const GOAL_POINTS = 2;
const IDLE_SETTLING_MS = 5000;
const GOAL_IDLE_PERCENT = 0.5;

interface Contender {
  readonly name: string;
  readonly flags: string;
  readonly listen: (server: TestServer) => Promise<Subscriber>;
  /** Tells how many events it has taken in. */
  readonly isCounting?: boolean;
}

const nobody = async (): Promise<Subscriber> => ({
  pid: 0,
  progress: async () => 0,
  [Symbol.asyncDispose]: async () => {},
});
const drain = (...args: string[]): Contender["listen"] => {
  return ({ port }) => startScript("drain-subscriber.ts", port, args);
};
const FLOOR: Contender = { name: "raw drain", flags: ALL_FLAGS, listen: drain() };
const KEYHEAT: Contender = {
  name: "keyheat standalone",
  flags: ALL_FLAGS,
  listen: ({ url }) => startKeyheat(url),
  isCounting: true,
};
const CONTENDERS: readonly Contender[] = [
  { name: "notifications off, nobody", flags: "", listen: nobody },
  { name: "notifications on, nobody", flags: ALL_FLAGS, listen: nobody },
  FLOOR,
  KEYHEAT,
  { name: "class $ alone (E$), raw drain", flags: "E$", listen: drain() },
  { name: "off, MONITOR drained", flags: "", listen: drain("MONITOR") },
];

await runBench("server", async (bench) => {
  // Without a limit the server does not cut a subscriber that falls behind.
  const args = ["--client-output-buffer-limit", "pubsub 0 0 0"];
  await using server = await startRedis(null, { args });
  for (const load of LIVE_LOADS) await compare(bench, server, load);
  await measureIdle(bench);
});

async function compare(bench: Bench, server: TestServer, load: LiveLoad): Promise<void> {
  const runs = bench.isQuick ? 2 : RUNS;
  const commands = bench.isQuick ? 96_000 : 480_000;
  const sets = packedSets(new ZipfKeys(KEYS, EXPONENT), BATCHES_OF_COMMANDS);
  const measured = new Map(CONTENDERS.map((contender) => [contender, [] as number[]]));
  for (let run = 0; run < runs; run++) {
    for (const [contender, figures] of measured) {
      figures.push(await measure(server, contender, { load, sets, commands }));
    }
    bench.progress(`${run + 1} of ${runs} runs, ${load.what}`);
  }
  const floor = measured.get(FLOOR) ?? [];
  const pointsOf = (contender: Contender) =>
    (measured.get(contender) ?? []).map((figure, run) => 100 * (figure / (floor[run] ?? 0) - 1));
  bench.table({
    title: `What the server pays, ${load.what}`,
    load: `${commands} SETs, Zipf(${EXPONENT}) over ${KEYS} keys; CPU of the server's main thread by its own INFO cpu (used_cpu_user_main_thread + used_cpu_sys_main_thread); notifications on: ${ALL_FLAGS}; a subscriber process each run, warmed up; median of ${runs} runs in turn, range in brackets`,
    columns: ["", "us/command", "% above the drain"],
    rows: CONTENDERS.map((contender) => [
      contender.name,
      spreadCell(measured.get(contender) ?? [], 3),
      spreadCell(pointsOf(contender), 1),
    ]),
  });
  const points = median(pointsOf(KEYHEAT));
  bench.goal({
    what: `keyheat costs the server at most ${GOAL_POINTS}% more than the raw drain (${load.what})`,
    holds: points <= GOAL_POINTS,
    measured: `${points.toFixed(1)}%`,
  });
}

/** us of the server's main thread a command. */
async function measure(
  server: TestServer,
  { name, flags, listen, isCounting = false }: Contender,
  { load, sets, commands }: { load: LiveLoad; sets: PackedNames; commands: number },
): Promise<number> {
  await command(server.port, ["CONFIG", "SET", "notify-keyspace-events", flags]);
  await using subscriber = await listen(server);
  await load.send(server.port, sets, commands / 4);
  await settled(subscriber);
  const eventsBefore = await subscriber.progress();
  const before = await mainThreadSeconds(server.port);
  await load.send(server.port, sets, commands);
  await settled(subscriber);
  const after = await mainThreadSeconds(server.port);
  const events = (await subscriber.progress()) - eventsBefore;
  if (isCounting && events !== commands) throw new Error(`${name} took in ${events} of ${commands} events`);
  return ((after - before) * 1e6) / commands;
}

/** A server that nobody uses, and keyheat beside it. */
async function measureIdle(bench: Bench): Promise<void> {
  const measuredMs = bench.isQuick ? 8000 : 20_000;
  await using server = await startRedis(null, { args: ["--notify-keyspace-events", ALL_FLAGS] });
  const alone = await shareOfCore(() => mainThreadSeconds(server.port), measuredMs);
  await using keyheat = await startKeyheat(server.url);
  bench.progress("keyheat beside an idle server");
  await sleep(IDLE_SETTLING_MS);
  const [own, beside] = await Promise.all([
    shareOfCore(async () => liveThreadSeconds(keyheat.pid), measuredMs),
    shareOfCore(() => mainThreadSeconds(server.port), measuredMs),
  ]);
  bench.table({
    title: "Idle, percent of a core",
    load: `an idle server; ${measuredMs / 1000} s after ${IDLE_SETTLING_MS / 1000} s of settling; CPU of all threads of keyheat by /proc (schedstat), of the server's main thread by its INFO cpu`,
    columns: ["", "%"],
    rows: [
      ["keyheat standalone", cell(own, 2)],
      ["the server beside it", cell(beside, 2)],
      ["the server alone", cell(alone, 2)],
    ],
  });
  bench.goal({
    what: `the idle agent uses less than ${GOAL_IDLE_PERCENT}% of a core`,
    holds: own < GOAL_IDLE_PERCENT,
    measured: `${own.toFixed(2)}%`,
  });
}

/** Percent. */
async function shareOfCore(usedSeconds: () => Promise<number>, measuredMs: number): Promise<number> {
  const startMs = performance.now();
  const before = await usedSeconds();
  await sleep(measuredMs);
  const used = (await usedSeconds()) - before;
  return (100 * used) / ((performance.now() - startMs) / 1000);
}
