/** Time as a parameter, so that tests can simulate it. */
export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number;
  /** Never goes back, in ms, from an arbitrary start: for durations. */
  monotonic(): number;
  /** Calls `task` after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`. */
export function delay(delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve));
}

/** Resolves after `delayMs`, or when `signal` aborts. */
export function delayUnless(signal: AbortSignal, delayMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
