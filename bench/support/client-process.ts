/**
 * An app that reads keys: `client-process.ts DRIVER WAY PORT AGENT`. Each message is a load to run, its answer what that
 * cost.
 */
import { type BenchClient, connect, type DriverName, WAYS_IN } from "./client-ways.ts";
import { ZipfKeys } from "./zipf-keys.ts";

export interface ClientLoad {
  readonly what: string;
  readonly gets: number;
  /** Callers that each wait for their reply. */
  readonly concurrency: number;
  /** GETs that a caller sends at once. */
  readonly pipelined: number;
}

export interface ClientRun {
  readonly cpuMicroseconds: number;
  readonly getsPerSecond: number;
  readonly probability: number;
}

const KEYS = 10_000;
const EXPONENT = 1;

const [driver = "", way = "", port = "", agent = ""] = process.argv.slice(2);
const { client, load } = await connect(driver as DriverName, Number(port));
const probability = WAYS_IN.find(({ name }) => name === way)?.enter(client, driver as DriverName, agent);
if (probability === undefined) throw new Error(`no way in is called ${way}`);
const zipf = new ZipfKeys(KEYS, EXPONENT);
const numbers = Array.from({ length: 100_000 }, () => Number(/\d+/.exec(zipf.next())?.[0]));
let next = 0;

process.on("message", (wanted: ClientLoad) => {
  void run(load, wanted).then((run) => process.send?.(run));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function run(load: BenchClient, { gets, concurrency, pipelined }: ClientLoad): Promise<ClientRun> {
  const startCpu = process.cpuUsage();
  const startMs = performance.now();
  let left = gets;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left > 0) {
        left -= pipelined;
        await (pipelined === 1 ? load.get(newKey()) : load.getAll(Array.from({ length: pipelined }, newKey)));
      }
    }),
  );
  const ms = performance.now() - startMs;
  const { user, system } = process.cpuUsage(startCpu);
  return {
    cpuMicroseconds: (user + system) / gets,
    getsPerSecond: (gets * 1000) / ms,
    probability: probability?.() ?? 0,
  };
}

/** Put together for each call, as apps do. */
function newKey(): string {
  return `user:${numbers[next++ % numbers.length]}:profile`;
}
