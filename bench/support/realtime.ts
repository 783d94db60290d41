import { execFileSync } from "node:child_process";

/** Set by who may (root), on a machine that is busy with other work. */
export const IS_REALTIME = process.env.KEYHEAT_BENCH_REALTIME === "1";

/**
 * Lets all threads of a process run before those of any other work, where `KEYHEAT_BENCH_REALTIME=1`: what is left of its
 * latency is its own. Throws: Error where that is not allowed. Source: chrt(1), sched(7), SCHED_FIFO.
 */
export function runFirst(pid: number | undefined): void {
  if (IS_REALTIME && pid !== undefined)
    execFileSync("chrt", ["--all-tasks", "--fifo", "--pid", "1", String(pid)]);
}
