import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PERIOD_US = 100_000;
/** The kernel takes no quota below this. */
const QUOTA_US_MIN = 1000;
const VERSION_1 = "/sys/fs/cgroup/cpu";
const VERSION_2 = "/sys/fs/cgroup";

/** Takes CPU away from one process, all threads together. Disposing gives it back. */
export interface CpuQuota extends AsyncDisposable {
  /** How it is done, for the report. */
  readonly means: string;
  limit(cores: number): void;
  lift(): void;
}

/** By a control group of its own where one can be made, else by stopping the process for a part of each 100 ms. */
export function cpuQuotaOf(pid: number): CpuQuota {
  return groupOf(pid, versionOne) ?? groupOf(pid, versionTwo) ?? bySignals(pid);
}

interface Group {
  readonly means: string;
  readonly folder: string;
  readonly parent: string;
  /** `null`: no limit. */
  readonly write: (quotaUs: number | null) => void;
}

/** `null`: not on this machine, or not with our rights. */
function groupOf(pid: number, make: (pid: number) => Group | null): CpuQuota | null {
  let group: Group | null = null;
  try {
    group = make(pid);
    if (!group) return null;
    writeFileSync(join(group.folder, "cgroup.procs"), String(pid));
  } catch {
    if (group) rmdirSync(group.folder);
    return null;
  }
  const { means, folder, parent, write } = group;
  return {
    means,
    limit: (cores) => write(Math.max(QUOTA_US_MIN, Math.round(cores * PERIOD_US))),
    lift: () => write(null),
    [Symbol.asyncDispose]: async () => {
      write(null);
      // A group can only be removed when nobody is in it; who has ended is not.
      if (existsSync(`/proc/${pid}`)) writeFileSync(join(parent, "cgroup.procs"), String(pid));
      rmdirSync(folder);
    },
  };
}

function versionOne(pid: number): Group | null {
  const own = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  const parent = join(VERSION_1, own ?? "");
  if (own === undefined || !existsSync(join(parent, "cpu.cfs_quota_us"))) return null;
  const folder = join(parent, `keyheat-bench-${pid}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "cpu.cfs_period_us"), String(PERIOD_US));
  return {
    means: "cgroup v1, cpu.cfs_quota_us",
    folder,
    parent,
    write: (quotaUs) => writeFileSync(join(folder, "cpu.cfs_quota_us"), String(quotaUs ?? -1)),
  };
}

/** Made below the root, since below our own group it could have no controllers while we are in that. */
function versionTwo(pid: number): Group | null {
  if (!existsSync(join(VERSION_2, "cgroup.controllers"))) return null;
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  writeFileSync(join(VERSION_2, "cgroup.subtree_control"), "+cpu");
  const folder = join(VERSION_2, `keyheat-bench-${pid}`);
  mkdirSync(folder);
  return {
    means: "cgroup v2, cpu.max",
    folder,
    parent: join(VERSION_2, own),
    write: (quotaUs) => writeFileSync(join(folder, "cpu.max"), `${quotaUs ?? "max"} ${PERIOD_US}`),
  };
}

/** Lets it run for a part of each period: as much as a quota for a process that keeps one thread busy while it runs. */
function bySignals(pid: number): CpuQuota {
  const periodMs = PERIOD_US / 1000;
  let timer: NodeJS.Timeout | undefined;
  const signal = (name: "SIGSTOP" | "SIGCONT") => {
    try {
      process.kill(pid, name);
    } catch {
      clearTimeout(timer);
    }
  };
  const run = (runMs: number) => {
    timer = setTimeout(() => pause(runMs), runMs);
    signal("SIGCONT");
  };
  const pause = (runMs: number) => {
    timer = setTimeout(() => run(runMs), periodMs - runMs);
    signal("SIGSTOP");
  };
  const lift = () => {
    clearTimeout(timer);
    signal("SIGCONT");
  };
  return {
    means: `SIGSTOP and SIGCONT within each ${periodMs} ms, for no control group could be made`,
    limit: (cores) => {
      lift();
      pause(Math.min(periodMs - 1, Math.max(1, Math.round(cores * periodMs))));
    },
    lift,
    [Symbol.asyncDispose]: async () => lift(),
  };
}
