import { type Clock, systemClock } from "../runtime/clock.ts";

/** The system's clock, of which no timer keeps the process alive. */
export const unrefClock: Clock = {
  ...systemClock,
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
