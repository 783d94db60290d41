import { viewOf } from "../../src/panes/key-words.ts";
import type { Sketch } from "../../src/panes/sketch.ts";
import { type Cell, cell, type Table } from "./report.ts";
import type { PackedNames } from "./zipf-keys.ts";

const TOPS = [10, 100, 1000];

interface Counted {
  readonly key: string;
  readonly exact: number;
  readonly estimate: number;
}

/** How well a sketch knows what it counted, against an exact count of the same names. */
export function accuracyOfSketch(sketch: Sketch, names: PackedNames, law: string): Table {
  const exact = exactCounts(names);
  const byEstimate = estimates(sketch, exact);
  const byTruth = [...exact].sort(([, a], [, b]) => b - a).map(([key]) => key);
  const held = `${(100 * shareOfBoundsHeld(sketch, exact)).toFixed(3)}%`;
  return {
    title: `Accuracy of the summary, ${law}`,
    load: `the same events, one pane; recall: of the true top n, how many are among the n largest estimates; precision: how many of those belong there by their count; bounds: of all ${exact.size} keys, tracked or not; the floor ended at ${sketch.floor}`,
    columns: ["top", "recall", "precision", "mean error of the estimate %", "bounds that hold"],
    rows: TOPS.map((top) => [`${top}`, ...figuresOf(byEstimate, byTruth, exact, top), held]),
  };
}

function figuresOf(
  byEstimate: readonly Counted[],
  byTruth: readonly string[],
  exact: ReadonlyMap<string, number>,
  top: number,
): Cell[] {
  const shown = byEstimate.slice(0, top);
  const wanted = new Set(byTruth.slice(0, top));
  // Keys with the count of the last one belong there as well as it does.
  const least = exact.get(byTruth[top - 1] ?? "") ?? 0;
  const found = shown.filter(({ key }) => wanted.has(key)).length;
  const right = shown.filter((counted) => counted.exact >= least).length;
  const errors = shown.map(({ estimate, exact }) => Math.abs(estimate - exact) / exact);
  const mean = errors.reduce((sum, error) => sum + error, 0) / Math.max(1, errors.length);
  return [cell(found / top, 3), cell(right / Math.max(1, shown.length), 3), cell(100 * mean, 3)];
}

function exactCounts({ bytes, offsets }: PackedNames): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < offsets.length - 1; i++) {
    const key = bytes.toString("latin1", offsets[i], offsets[i + 1]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Largest first: the middle of the bounds. */
function estimates(sketch: Sketch, exact: ReadonlyMap<string, number>): Counted[] {
  const counted: Counted[] = [];
  for (let entry = 0; entry < sketch.size; entry++) {
    const key = Buffer.from(sketch.key(entry)).toString("latin1");
    const estimate = sketch.counted(entry) + sketch.error(entry) / 2;
    counted.push({ key, exact: exact.get(key) ?? 0, estimate });
  }
  return counted.sort((a, b) => b.estimate - a.estimate);
}

function shareOfBoundsHeld(sketch: Sketch, exact: ReadonlyMap<string, number>): number {
  let held = 0;
  for (const [key, count] of exact) {
    const bytes = Buffer.from(key, "latin1");
    const entry = sketch.find(0, viewOf(bytes), 0, bytes.length);
    const lower = entry < 0 ? 0 : sketch.counted(entry);
    const upper = entry < 0 ? sketch.floor : lower + sketch.error(entry);
    if (lower <= count && count <= upper) held += 1;
  }
  return held / exact.size;
}
