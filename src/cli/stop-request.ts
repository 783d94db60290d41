const REPEAT_MS = 1000;
/** A closed terminal (SIGHUP) ends what runs in it. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Exit code of a process that Ctrl-C ended before it was done. */
const INTERRUPTED = 130;

/**
 * A signal that aborts on Ctrl-C, SIGTERM or a closed terminal.
 *
 * Whoever is impatient and asks again ends the process at once. What comes within the same second is the same request:
 * npm and the terminal each send it.
 */
export function stopRequest(names: readonly NodeJS.Signals[] = SIGNALS): AbortSignal & Disposable {
  const controller = new AbortController();
  let firstMs: number | null = null;
  const take = () => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (nowMs - firstMs > REPEAT_MS) process.exit(INTERRUPTED);
    controller.abort();
  };
  for (const name of names) process.on(name, take);
  const release = () => {
    for (const name of names) process.off(name, take);
  };
  return Object.assign(controller.signal, { [Symbol.dispose]: release });
}
