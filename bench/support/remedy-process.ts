/**
 * An app that calls a remedy and the plain command in turn: `remedy-process.ts INDEX PORTS`, the row of `REMEDY_CALLS`
 * and the servers, one or the nodes of a cluster. Each message is a load to run, its answer what a call cost.
 */
import { Cluster, Redis } from "ioredis";
import { REMEDY_CALLS } from "./remedy-calls.ts";

export interface RemedyLoad {
  readonly calls: number;
  /** Callers that each wait for their reply. */
  readonly concurrency: number;
  /** Whether the remedy is first: what runs second finds warmer caches. */
  readonly isRemedyFirst: boolean;
}

/** CPU of the process, user and system, in microseconds a call. */
export interface RemedyRun {
  readonly plain: number;
  readonly remedied: number;
}

const [index = "", ports = ""] = process.argv.slice(2);
const nodes = ports.split(",").map((port) => ({ host: "127.0.0.1", port: Number(port) }));
const row = REMEDY_CALLS[Number(index)];
if (row === undefined) throw new Error(`there is no row ${index}`);
const redis = row.on === "cluster" ? new Cluster(nodes) : new Redis(nodes[0]!);
const { plain, remedied } = await row.prepare(redis);

process.on("message", (load: RemedyLoad) => {
  void run(load).then((figures) => process.send?.(figures));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

async function run({ isRemedyFirst, ...load }: RemedyLoad): Promise<RemedyRun> {
  if (isRemedyFirst) {
    const first = await cost(remedied, load);
    return { remedied: first, plain: await cost(plain, load) };
  }
  const first = await cost(plain, load);
  return { plain: first, remedied: await cost(remedied, load) };
}

async function cost(
  call: () => Promise<unknown>,
  { calls, concurrency }: Pick<RemedyLoad, "calls" | "concurrency">,
): Promise<number> {
  const start = process.cpuUsage();
  let left = calls;
  const caller = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const { user, system } = process.cpuUsage(start);
  return (user + system) / calls;
}
