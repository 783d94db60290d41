import type { Past } from "./past.ts";

const EVERY_MS = 2000;

/** Says on standard error how far a replay has come, where it takes long: a line each 2 s. */
export function progressLines(
  past: Past,
  err: { write(text: string): unknown },
  monotonic: () => number = () => performance.now(),
): (nowMs: number) => void {
  let saidMs = monotonic();
  return (nowMs) => {
    if (monotonic() - saidMs < EVERY_MS) return;
    saidMs = monotonic();
    const percent = Math.floor(past.progress() * 100);
    err.write(`keyheat: ${percent}% read, replayed up to ${new Date(nowMs).toISOString()}\n`);
  };
}
