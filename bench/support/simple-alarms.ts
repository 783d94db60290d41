import { type Baseline, deviations } from "../../src/rules/baseline.ts";

/** An alarm that somebody might write in an afternoon: whether it holds for a count, given what is usual. */
export interface SimpleAlarm {
  readonly name: string;
  /** Of one key: it may remember. */
  readonly start: () => (baseline: Baseline, count: number) => boolean;
}

const GLR_MIN = 6;
const CUSUM_SLACK = 1;
const CUSUM_MAX = 8;

/** All are given the same baseline as `surge`, and look once a window. */
export const SIMPLE_ALARMS: readonly SimpleAlarm[] = [
  {
    name: "Poisson likelihood ratio, z >= 6",
    start: () => (baseline, count) => deviations({ ...baseline, dispersion: 1 }, count) >= GLR_MIN,
  },
  {
    name: "mean + 3 standard deviations",
    start: () => (baseline, count) => count > baseline.mean + 3 * deviationOf(baseline),
  },
  { name: "twice the mean", start: () => (baseline, count) => count >= 2 * baseline.mean },
  {
    name: "CUSUM, 8 standard deviations",
    start: () => {
      let sum = 0;
      return (baseline, count) => {
        sum = Math.max(0, sum + (count - baseline.mean) / deviationOf(baseline) - CUSUM_SLACK);
        return sum >= CUSUM_MAX;
      };
    },
  },
];

function deviationOf({ mean, dispersion }: Baseline): number {
  return Math.sqrt(Math.max(1, mean) * dispersion);
}
