import assert from "node:assert/strict";
import { defaultConfig } from "../../src/config/load.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { ScanContext, ScanProgress } from "../../src/scans/scan-context.ts";
import { ScanServer } from "../../src/scans/scan-server.ts";

const BUDGET = 1_000_000;

/** A server as scans see it, without a limit to speak of. */
export async function openScanServer(port: number, budget = BUDGET): Promise<ScanServer> {
  const [target] = defaultConfig({ redisUrls: [`redis://127.0.0.1:${port}`] }).targets;
  assert.ok(target !== undefined);
  return await ScanServer.open(target, { clock: systemClock, signal: new AbortController().signal, budget });
}

/** What a scan within this process is given. */
export function scanContext(
  servers: readonly ScanServer[],
  signal = new AbortController().signal,
  onProgress: (progress: ScanProgress) => void = () => {},
): ScanContext {
  return { servers, clock: systemClock, signal, onProgress };
}
