import type { Clock } from "../../runtime/clock.ts";

/**
 * Whether a promise settles, in either way, within `deadlineMs`. kafkajs's own ends can hang while brokers are away: what
 * comes after the deadline is of no interest any more.
 */
export function settledWithin(promise: Promise<unknown>, deadlineMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(Math.max(0, deadlineMs), () => resolve(false));
    const settle = () => {
      cancel();
      resolve(true);
    };
    promise.then(settle, settle);
  });
}
