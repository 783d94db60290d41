import type { Clock } from "../../src/runtime/clock.ts";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * A clock that stands still until a test moves it. Its wall clock and its monotonic clock move together, until the wall
 * clock is set back.
 */
export class SimulatedClock implements Clock {
  #nowMs: number;
  #order = 0;
  #setBackMs = 0;
  readonly #startMs: number;
  readonly #tasks = new Set<Task>();

  constructor(startMs = Date.UTC(2026, 10, 23, 17)) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs - this.#setBackMs;
  }

  /** Somebody sets the wall clock back. */
  setBack(ms: number): void {
    this.#setBackMs += ms;
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const task = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#tasks.add(task);
    return () => this.#tasks.delete(task);
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#tasks.size;
  }

  /** Moves on by `ms` and runs what falls due, in order of time; promises are not awaited. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let task = this.#nextUntil(endMs); task !== null; task = this.#nextUntil(endMs)) this.#run(task);
    this.#nowMs = endMs;
  }

  /** Moves on by `ms` while the process stands still: what fell due meanwhile runs when time is moved next. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves on by `ms` and runs what falls due; after each task, what hangs on promises runs to its end. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let task = this.#nextUntil(endMs); task !== null; task = this.#nextUntil(endMs)) {
      this.#run(task);
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #run(task: Task): void {
    this.#tasks.delete(task);
    this.#nowMs = Math.max(this.#nowMs, task.atMs);
    task.run();
  }

  #nextUntil(endMs: number): Task | null {
    let next: Task | null = null;
    for (const task of this.#tasks) {
      if (task.atMs > endMs) continue;
      if (next === null || task.atMs < next.atMs || (task.atMs === next.atMs && task.order < next.order)) {
        next = task;
      }
    }
    return next;
  }
}

/** Lets promise chains that wait for nothing else run to their end. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
