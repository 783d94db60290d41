import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/**
 * CPU that all threads of a process have used since its start, user and system, in seconds.
 *
 * Resolution: a clock tick (10 ms as a rule). Source: proc(5), `/proc/PID/stat`, utime and stime.
 */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name, in brackets, may hold spaces and brackets of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * CPU that the threads of a process which are alive have used since their start, in seconds.
 *
 * Resolution: far below a clock tick where the threads sleep at the moment, so it is for short runs; but what a thread
 * used that has ended is gone. Source: sched-stats in the kernel's documentation, `/proc/PID/task/TID/schedstat`.
 */
export function liveThreadSeconds(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = tasks.map((task) =>
    Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]),
  );
  return nanoseconds.reduce((sum, used) => sum + used, 0) / 1e9;
}
