import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { waitFor } from "../../test/support/redis.ts";
import { StandaloneProcess } from "./standalone-process.ts";

/** A process that listens to all keyspace events of a server. */
export interface Subscriber extends AsyncDisposable {
  readonly pid: number;
  /** Grows with what has been taken in: events, or bytes where events are not told apart. */
  progress(): Promise<number>;
  /** Whether it counts every event just now; left out: it always does. */
  isCountingAll?(): Promise<boolean>;
}

const SETTLED_AFTER_MS = 300;
/** After a start under full load, before the compilers are done. */
const COUNTING_ALL_MS_MAX = 60_000;

/** A script of this folder, which answers each message with its progress. */
export async function startScript(
  name: string,
  port: number,
  args: readonly string[] = [],
): Promise<Subscriber> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const execArgv = process.execArgv.filter((flag) => flag === "--experimental-strip-types");
  const child = fork(script, [String(port), ...args], { execArgv });
  const progress = () => ask(child);
  await progress();
  return {
    pid: child.pid ?? 0,
    progress,
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
    },
  };
}

/** The whole of keyheat: panes published, windows, rules, API, metrics. */
export async function startKeyheat(url: string): Promise<Subscriber> {
  const keyheat = await StandaloneProcess.start({
    targets: [{ url }],
    sources: { keyspace: { configure: "ensure" } },
    receivers: [{ name: "log", log: {} }],
    log: { level: "warn" },
  });
  return {
    pid: keyheat.pid,
    progress: async () => {
      // The loads are of SETs alone; a look-up of the agent's own may make a miss.
      const seen = await keyheat.metric("keyheat_events_total", 'event="set"');
      return seen - (await keyheat.metric("keyheat_dropped_total", 'reason="not-sampled"'));
    },
    isCountingAll: async () => (await keyheat.probability()) === 1,
    [Symbol.asyncDispose]: () => keyheat.stop(),
  };
}

/** Until nothing more comes in, and what comes next will all be counted. */
export async function settled(subscriber: Pick<Subscriber, "progress" | "isCountingAll">): Promise<void> {
  const isCountingAll = async () => (await subscriber.isCountingAll?.()) ?? true;
  await waitFor("every event to be counted", isCountingAll, COUNTING_ALL_MS_MAX);
  let last = -1;
  for (let now = await subscriber.progress(); now !== last; now = await subscriber.progress()) {
    last = now;
    await sleep(SETTLED_AFTER_MS);
  }
}

async function ask(child: ChildProcess): Promise<number> {
  const answer = once(child, "message");
  child.send("progress");
  const [progress] = (await answer) as [number];
  return progress;
}
