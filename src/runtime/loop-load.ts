import { type EventLoopUtilization, performance } from "node:perf_hooks";

/** Measures how busy this process's event loop is. */
export class LoopLoad {
  #before: EventLoopUtilization = performance.eventLoopUtilization();

  /** Share of the time since the last call that the loop did not wait for anything: 0..1. */
  take(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#before);
    this.#before = now;
    return utilization;
  }
}
