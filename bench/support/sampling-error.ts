import { Sampler } from "../../src/client/sampler.ts";
import { systemClock } from "../../src/runtime/clock.ts";

/** What sampling makes of a true count. */
export interface SamplingError {
  /** Mean of the estimates less the truth, in standard errors of that mean. */
  readonly biasInErrors: number;
  /** Standard deviation of the estimates, as a share of the truth. */
  readonly relativeError: number;
}

/** Estimates `count` accesses `runs` times, each kept by the library's own sampler with `probability`. */
export function samplingError(count: number, probability: number, runs: number): SamplingError {
  const tallyOf = () => ({ probability, add: () => {} });
  const sampler = new Sampler({ fixed: probability, tallyOf, clock: systemClock, onTime: null });
  const estimates = Array.from({ length: runs }, () => {
    let kept = 0;
    for (let i = 0; i < count; i++) if (sampler.take() !== null) kept++;
    return kept / probability;
  });
  const mean = estimates.reduce((sum, one) => sum + one, 0) / runs;
  const variance = estimates.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (runs - 1);
  const deviation = Math.sqrt(variance);
  return {
    biasInErrors: (mean - count) / (deviation / Math.sqrt(runs)),
    relativeError: deviation / count,
  };
}
