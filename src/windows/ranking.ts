import type { Accumulator } from "./accumulator.ts";
import type { ClusterWindows } from "./cluster-windows.ts";
import { MAYBE, READ, WRITE } from "./columns.ts";
import type { HeatReader } from "./heat-reader.ts";
import type { HopWindow } from "./hop-window.ts";

interface Ranked {
  readonly handle: number;
  readonly estimate: number;
}

/**
 * Handles of the `limit` hottest keys of a window, hottest first, by the estimate of their total; equals by key.
 *
 * One pass with a heap of `limit` places. Exact estimates are worked out only for keys that a cheap bound from above
 * lets in: an estimate is at most the lower bound plus the doubts of all vantages, scaled where they were sampled.
 */
export function hottest(
  cluster: ClusterWindows,
  reader: HeatReader,
  window: HopWindow,
  limit: number,
): number[] {
  const { keys } = cluster;
  const heap = new RankHeap(limit, (a, b) => keys.compare(a, b));
  if (limit <= 0) return [];
  const active = window.accumulators.filter((accumulator) => !accumulator.isUnused);
  for (let handle = 0; handle < keys.handleEnd; handle++) {
    if (!keys.isHeld(handle)) continue;
    const slot = keys.slot(handle);
    const lower = totalLower(active, handle);
    let maybes = 0;
    let doubt = 0;
    for (const accumulator of active) {
      maybes += accumulator.cells.get(handle, MAYBE);
      doubt += accumulator.slack(handle, slot) + (accumulator.scaled?.extraSlack(handle, slot) ?? 0);
    }
    // One vantage's estimate stands in the middle of its bounds.
    if (active.length === 1) doubt /= 2;
    // Of a key that only other windows have seen, no more is known than of any unseen one.
    if (lower + maybes === 0 || lower + doubt < heap.leastEstimate) continue;
    const { estimate } = reader.fusedOf(window, handle, slot).counts.total;
    if (estimate > 0) heap.offer({ handle, estimate });
  }
  return heap.sorted();
}

function totalLower(active: readonly Accumulator[], handle: number): number {
  let read = 0;
  let write = 0;
  for (const { cells, scaled } of active) {
    read = Math.max(read, cells.get(handle, READ) + (scaled?.extra(handle, READ) ?? 0));
    write = Math.max(write, cells.get(handle, WRITE) + (scaled?.extra(handle, WRITE) ?? 0));
  }
  return read + write;
}

/** Keeps the best so many of what it is offered, the worst of them on top. */
class RankHeap {
  readonly #limit: number;
  readonly #compareKeys: (a: number, b: number) => number;
  readonly #items: Ranked[] = [];

  constructor(limit: number, compareKeys: (a: number, b: number) => number) {
    this.#limit = limit;
    this.#compareKeys = compareKeys;
  }

  /** What is below it cannot get in. */
  get leastEstimate(): number {
    return this.#items.length < this.#limit ? 0 : this.#items[0]!.estimate;
  }

  offer(item: Ranked): void {
    if (this.#items.length < this.#limit) {
      this.#items.push(item);
      this.#rise(this.#items.length - 1);
    } else if (this.#order(item, this.#items[0]!) < 0) {
      this.#items[0] = item;
      this.#sink(0);
    }
  }

  sorted(): number[] {
    return this.#items.toSorted((a, b) => this.#order(a, b)).map(({ handle }) => handle);
  }

  /** Negative where `a` ranks before `b`. */
  #order(a: Ranked, b: Ranked): number {
    return b.estimate - a.estimate || this.#compareKeys(a.handle, b.handle);
  }

  #rise(from: number): void {
    const items = this.#items;
    for (let place = from; place > 0; ) {
      const parent = (place - 1) >> 1;
      if (this.#order(items[place]!, items[parent]!) <= 0) return;
      [items[place], items[parent]] = [items[parent]!, items[place]!];
      place = parent;
    }
  }

  #sink(from: number): void {
    const items = this.#items;
    for (let place = from; ; ) {
      let worst = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < items.length && this.#order(items[child]!, items[worst]!) > 0) worst = child;
      }
      if (worst === place) return;
      [items[place], items[worst]] = [items[worst]!, items[place]!];
      place = worst;
    }
  }
}
