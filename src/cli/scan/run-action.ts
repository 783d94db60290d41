import type { ScanIo } from "./run-scan.ts";

/** Runs a scan on this process's streams; Ctrl-C ends the scan, not its output. Returns the exit code. */
export async function runAction(act: (io: ScanIo) => Promise<number>): Promise<number> {
  const { stopRequest } = await import("../stop-request.ts");
  using signal = stopRequest();
  const { stdout: out, stderr: err, env } = process;
  return await act({ out, err, env, signal });
}
