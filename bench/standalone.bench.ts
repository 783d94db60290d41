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
const GOAL_TO_DRAIN = 1.7;
const GOAL_TO_IOREDIS = 8;
/** The classes that keyheat asks for; it only ever adds to them. */
const FLAGS = "Eg$lshzxetdm";

interface Run {
  readonly microsecondsPerEvent: number;
  readonly serverMicrosecondsPerEvent: number;
}

interface Contender {
  readonly name: string;
  readonly start: (server: TestServer) => Promise<Subscriber>;
  readonly runs: Run[];
}

await runBench("standalone", async (bench) => {
  // Without a limit the server does not cut a subscriber that falls behind: all of them take in every event.
  const args = ["--notify-keyspace-events", FLAGS, "--client-output-buffer-limit", "pubsub 0 0 0"];
  await using server = await startRedis(null, { args });
  for (const load of LIVE_LOADS) await compare(bench, server, load);
});

async function compare(bench: Bench, server: TestServer, load: LiveLoad): Promise<void> {
  const drain: Contender = { name: "raw drain", start: script("drain-subscriber.ts"), runs: [] };
  const keyheat: Contender = { name: "keyheat standalone", start: ({ url }) => startKeyheat(url), runs: [] };
  const ioredis: Contender = {
    name: "ioredis pmessage + Map",
    start: script("ioredis-subscriber.ts"),
    runs: [],
  };
  const contenders = [drain, keyheat, ioredis];
  const sets = packedSets(new ZipfKeys(KEYS, EXPONENT), BATCHES_OF_COMMANDS);
  const runs = bench.isQuick ? 2 : RUNS;
  const events = bench.isQuick ? 96_000 : 960_000;
  for (let run = 0; run < runs; run++) {
    for (const contender of contenders) {
      contender.runs.push(await measure(server, contender, load, sets, events));
    }
    bench.progress(`${run + 1} of ${runs} runs, ${load.what}`);
  }
  report(bench, { drain, keyheat, ioredis }, load.what, events);
}

function script(name: string): Contender["start"] {
  return ({ port }) => startScript(name, port);
}

async function measure(
  server: TestServer,
  { name, start }: Contender,
  load: LiveLoad,
  sets: PackedNames,
  events: number,
): Promise<Run> {
  await using subscriber = await start(server);
  // Long enough for the compilers; the first seconds of a process say nothing of its next hours.
  await load.send(server.port, sets, events);
  await settled(subscriber);
  const before = await readings(server, subscriber);
  await load.send(server.port, sets, events);
  await settled(subscriber);
  const after = await readings(server, subscriber);
  if (name !== "raw drain" && after.progress - before.progress !== events) {
    throw new Error(`${name} took in ${after.progress - before.progress} of ${events} events`);
  }
  return {
    microsecondsPerEvent: ((after.own - before.own) * 1e6) / events,
    serverMicrosecondsPerEvent: ((after.server - before.server) * 1e6) / events,
  };
}

async function readings(server: TestServer, subscriber: Subscriber) {
  await command(server.port, ["PING"]);
  const progress = await subscriber.progress();
  return { progress, own: liveThreadSeconds(subscriber.pid), server: await mainThreadSeconds(server.port) };
}

function report(
  bench: Bench,
  { drain, keyheat, ioredis }: Record<"drain" | "keyheat" | "ioredis", Contender>,
  sent: string,
  events: number,
): void {
  const ratioTo = (contender: Contender, floor: Contender) =>
    median(
      contender.runs.map((run, i) => run.microsecondsPerEvent / (floor.runs[i]?.microsecondsPerEvent ?? 0)),
    );
  bench.table({
    title: `CPU per event of the whole process, live, ${sent}`,
    load: `${events} SETs, ${sent}, Zipf(${EXPONENT}) over ${KEYS} keys, real redis-server with notify-keyspace-events ${FLAGS}; CPU of all threads by /proc (schedstat), of the server's main thread by its INFO cpu; a process each run, warmed up by as many events; median of ${drain.runs.length} runs in turn, range in brackets`,
    columns: ["", "us/event", "to the drain", "server us/command"],
    rows: [drain, keyheat, ioredis].map((contender) => [
      contender.name,
      spreadCell(
        contender.runs.map((run) => run.microsecondsPerEvent),
        2,
      ),
      cell(ratioTo(contender, drain), 2),
      spreadCell(
        contender.runs.map((run) => run.serverMicrosecondsPerEvent),
        2,
      ),
    ]),
  });
  const toDrain = ratioTo(keyheat, drain);
  const cheaper = ratioTo(ioredis, keyheat);
  bench.goal({
    what: `at most ${GOAL_TO_DRAIN} times the raw drain (${sent})`,
    holds: toDrain <= GOAL_TO_DRAIN,
    measured: `${toDrain.toFixed(2)} times`,
  });
  bench.goal({
    what: `at least ${GOAL_TO_IOREDIS} times cheaper than ioredis and a Map (${sent})`,
    holds: cheaper >= GOAL_TO_IOREDIS,
    measured: `${cheaper.toFixed(2)} times`,
  });
}
