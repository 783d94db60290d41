import type { SweptServer } from "../../scans/sweep.ts";

/** What was gone over, in one line, and one for each server that the scan had to go slower at. Pure. */
export function sweptLines(servers: readonly SweptServer[]): string[] {
  const seen = servers.reduce((sum, { keysSeen }) => sum + keysSeen, 0);
  const where = servers.length === 1 ? (servers[0]?.target ?? "") : `${servers.length} servers`;
  const slowed = servers.filter(({ slowedDown }) => slowedDown > 0);
  return [
    `${seen.toLocaleString("en-US")} keys seen at ${where}`,
    ...slowed.map(({ target, slowedDown }) => `went slower ${slowedDown} times for the latency of ${target}`),
  ];
}
