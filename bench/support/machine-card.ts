import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { redisServer } from "../../test/support/redis.ts";

/** What figures were measured on, without which they say nothing. */
export interface MachineCard {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly platform: string;
  readonly node: string;
  readonly redis: string;
  readonly at: string;
  /** Of the last minute, before the run: above 0.5 somebody else was working too. */
  readonly loadBefore: number;
}

export async function machineCard(): Promise<MachineCard> {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    redis: await redisVersion(),
    at: new Date().toISOString(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

export function cardLines(card: MachineCard): string[] {
  return [
    `machine  ${card.cpu}, ${card.cores} cores, ${card.memoryGib} GiB, ${card.platform}`,
    `software Node ${card.node}, Redis ${card.redis}`,
    `run      ${card.at}, load average before ${card.loadBefore.toFixed(2)}`,
  ];
}

async function redisVersion(): Promise<string> {
  const { path, env } = await redisServer();
  const line = execFileSync(path, ["--version"], { encoding: "utf8", env: { ...process.env, ...env } });
  return /v=(\S+)/.exec(line)?.[1] ?? line.trim();
}
