import { Accumulator } from "./accumulator.ts";
import type { Interval } from "./interval.ts";
import type { Pane } from "./pane.ts";
import type { Shelf } from "./shelf.ts";
import type { StoredPart } from "./stored-part.ts";
import { VANTAGES } from "./vantage.ts";

/** How an interval lies in a window. */
type Place = "outside" | "overlapping" | "inside";

/**
 * One window of fixed length that moves over the panes: the sums of all counted parts that it covers, by vantage.
 *
 * Each part is added once and taken off once. Counts of panes longer than a hop count only while they lie inside;
 * while they only overlap they raise the upper bound.
 */
export class HopWindow {
  readonly windowMs: number;
  readonly accumulators: readonly Accumulator[] = VANTAGES.map(() => new Accumulator());
  #toMs: number;

  constructor(windowMs: number, toMs: number) {
    this.windowMs = windowMs;
    this.#toMs = toMs;
  }

  get fromMs(): number {
    return this.#toMs - this.windowMs;
  }

  get toMs(): number {
    return this.#toMs;
  }

  contains({ startMs, endMs }: Interval): boolean {
    return startMs >= this.fromMs && endMs <= this.#toMs;
  }

  /** Adds (`sign` 1) or takes off (-1) a counted part of a pane. */
  apply(part: StoredPart, interval: Interval, vantageIndex: number, sign: number): void {
    this.#applyAt(this.#placeOf(interval, this.#toMs), part, vantageIndex, sign);
  }

  /** Moves to `[toMs - windowMs, toMs)`: what is on the shelf enters or leaves. */
  moveTo(toMs: number, shelf: Shelf): void {
    if (toMs === this.#toMs) return;
    for (const interval of shelf.intervals()) {
      const before = this.#placeOf(interval, this.#toMs);
      const after = this.#placeOf(interval, toMs);
      if (before !== after) this.#movePanes(shelf.panesOf(interval), before, after);
    }
    this.#toMs = toMs;
  }

  #movePanes(panes: Iterable<Pane>, before: Place, after: Place): void {
    for (const pane of panes) {
      for (const unit of pane.units) {
        if (!unit.counted) continue;
        for (const part of unit.parts) {
          this.#applyAt(before, part, pane.vantageIndex, -1);
          this.#applyAt(after, part, pane.vantageIndex, 1);
        }
      }
    }
  }

  #applyAt(place: Place, part: StoredPart, vantageIndex: number, sign: number): void {
    if (place === "outside") return;
    const accumulator = this.accumulators[vantageIndex]!;
    if (place === "inside") accumulator.addWhole(part, sign);
    else accumulator.addPartial(part, sign);
  }

  #placeOf({ startMs, endMs }: Interval, toMs: number): Place {
    const fromMs = toMs - this.windowMs;
    if (startMs >= fromMs && endMs <= toMs) return "inside";
    return startMs < toMs && endMs > fromMs ? "overlapping" : "outside";
  }
}
