/**
 * `keyheat scan memory` in a process that watches its own memory: `scan-process.ts URL [BUDGET]`. Sends what it found, when it is done.
 * Needs --expose-gc.
 */
import { memoryCommand } from "../../src/cli/scan/memory.ts";
import { BUDGET } from "../../src/cli/scan/server-options.ts";
import type { MemoryScan } from "../../src/scans/memory.ts";

export interface ScanFigures {
  readonly document: MemoryScan & { readonly tookMs: number };
  /** In the middle of the scan, after garbage collection, MiB: the median of looks each second. */
  readonly heapMib: number;
  /** The most that was ever resident, MiB. */
  readonly residentMib: number;
  /** CPU of all threads. */
  readonly cpuSeconds: number;
}

const LOOK_MS = 1000;
const MIB = 2 ** 20;

async function scan(url: string, budget: number): Promise<ScanFigures> {
  let output = "";
  const heapsMib: number[] = [];
  const look = () => {
    globalThis.gc?.();
    heapsMib.push(process.memoryUsage().heapUsed / MIB);
  };
  const timer = setInterval(look, LOOK_MS);
  const streams = { out: { write: (text: string) => (output += text) }, err: { write: () => true } };
  const io = { ...streams, env: {}, signal: new AbortController().signal };
  const options = { redis: [url], budget, json: true, patterns: [], limit: 1000 };
  const cpu = process.cpuUsage();
  await memoryCommand(options, io);
  const { user, system } = process.cpuUsage(cpu);
  clearInterval(timer);
  const sorted = heapsMib.toSorted((a, b) => a - b);
  return {
    document: JSON.parse(output),
    heapMib: sorted[sorted.length >> 1] ?? Number.NaN,
    residentMib: process.resourceUsage().maxRSS / 1024,
    cpuSeconds: (user + system) / 1e6,
  };
}

const [url = "", budget = BUDGET] = process.argv.slice(2);
process.send?.(await scan(url, Number(budget)), () => process.disconnect());
