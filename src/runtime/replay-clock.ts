import type { Clock } from "./clock.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly task: () => void;
  isCancelled: boolean;
}

/**
 * Time of the past: it stands still until it is advanced, and then timers fire in the order in which they would have.
 *
 * Nothing waits for real time; but after each timer what hangs on promises runs to its end, as it would have.
 */
export class ReplayClock implements Clock {
  readonly #startMs: number;
  #nowMs: number;
  #order = 0;
  /** A binary heap, the next one first. One that was cancelled stays until its time has come. */
  readonly #heap: Timer[] = [];

  /** `startMs`: ms since 1970. */
  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs - this.#startMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      task,
      isCancelled: false,
    };
    this.#push(timer);
    return () => {
      timer.isCancelled = true;
    };
  }

  /** Moves on to `atMs`, unless that is past; fires what falls due until then, that time included. */
  async advanceTo(atMs: number): Promise<void> {
    for (let timer = this.#heap[0]; timer !== undefined && timer.atMs <= atMs; timer = this.#heap[0]) {
      this.#pop();
      if (timer.isCancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.task();
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const below = firstOf(heap, 2 * at + 1, 2 * at + 2);
      const child = heap[below];
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

/** Lets promises that wait for nothing else run to their end. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}

/** Which of two places of the heap comes first. */
function firstOf(heap: readonly Timer[], left: number, right: number): number {
  const one = heap[left];
  const other = heap[right];
  return one !== undefined && other !== undefined && isBefore(other, one) ? right : left;
}
