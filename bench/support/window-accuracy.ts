import type { AnsweredCounts } from "./answered-counts.ts";
import type { Sample } from "./overload-watch.ts";

/** The window of which hot keys are asked for. */
const WINDOW_MS = 10_000;
/** Events have no times: those that ran so close to the end of a pane may be counted in its neighbour. */
export const EDGE_MS = 20;
export const TOP = 10;

/** How far an answer of the agent is from what ran. */
export interface Accuracy {
  readonly sample: Sample;
  /** Of the exact top 10; a key that is not listed counts as 100%. */
  readonly worstErrorPercent: number;
  readonly meanErrorPercent: number;
  readonly lowers: number;
  readonly lowersHolding: number;
  /** How far the worst lower bound is above what may have run; below 0 where all hold. */
  readonly worstExcessPercent: number;
}

/** None where nothing was answered, or the window began before `sinceMs`. */
export function accuracyOf(sample: Sample, truth: AnsweredCounts, sinceMs: number): Accuracy[] {
  const { hotKeys } = sample;
  const toMs = Date.parse(hotKeys?.asOf ?? "");
  if (!hotKeys || toMs - WINDOW_MS < sinceMs) return [];
  const counts = truth.between(toMs - WINDOW_MS, toMs);
  const around = truth.between(toMs - WINDOW_MS - EDGE_MS, toMs + EDGE_MS);
  const top = [...counts].sort(([, one], [, other]) => other.exact - one.exact).slice(0, TOP);
  const listed = new Map(hotKeys.keys.map(({ key, count }) => [key, count]));
  const errors = top.map(([key, { exact }]) => {
    const estimate = listed.get(key)?.estimate ?? 0;
    return (100 * Math.abs(estimate - exact)) / exact;
  });
  const excesses = hotKeys.keys.map(({ key, count }) => {
    const most = around.get(key)?.most ?? 0;
    return (100 * (count.lower - most)) / Math.max(1, most);
  });
  return [
    {
      sample,
      worstErrorPercent: Math.max(...errors),
      meanErrorPercent: errors.reduce((sum, error) => sum + error, 0) / errors.length,
      lowers: excesses.length,
      lowersHolding: excesses.filter((excess) => excess <= 0).length,
      worstExcessPercent: Math.max(...excesses),
    },
  ];
}
