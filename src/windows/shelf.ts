import type { Interval } from "./interval.ts";
import type { Pane } from "./pane.ts";

/** Panes that a window still covers, by interval. */
export class Shelf {
  readonly #hopMs: number;
  readonly #intervals = new Map<number, Interval>();
  readonly #panes = new Map<Interval, Set<Pane>>();

  constructor(hopMs: number) {
    this.#hopMs = hopMs;
  }

  intervals(): Iterable<Interval> {
    return this.#intervals.values();
  }

  get size(): number {
    return this.#intervals.size;
  }

  interval(startMs: number, endMs: number): Interval {
    const id = this.#id(startMs, endMs);
    let interval = this.#intervals.get(id);
    if (!interval) {
      interval = { startMs, endMs, totals: new Map() };
      this.#intervals.set(id, interval);
      this.#panes.set(interval, new Set());
    }
    return interval;
  }

  panesOf(interval: Interval): Iterable<Pane> {
    return this.#panes.get(interval) ?? [];
  }

  put(pane: Pane): void {
    this.#panes.get(pane.interval)?.add(pane);
  }

  remove(interval: Interval): void {
    this.#intervals.delete(this.#id(interval.startMs, interval.endMs));
    this.#panes.delete(interval);
  }

  /** Both are multiples of the hop, and a pane is at most some thousand hops long, so the two make one number. */
  #id(startMs: number, endMs: number): number {
    return (startMs / this.#hopMs) * 2 ** 16 + (endMs - startMs) / this.#hopMs;
  }
}
