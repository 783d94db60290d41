import type { Tally } from "../../src/client/observer.ts";
import { Sampler } from "../../src/client/sampler.ts";
import { seededRandom } from "../../test/support/random.ts";
import { SimulatedClock } from "../../test/support/simulated-clock.ts";

export interface Accuracy {
  readonly runs: number;
  readonly truth: number;
  readonly mean: number;
  /** Of one run's estimate, as a share of the truth. */
  readonly standardError: number;
  /** The same, by the theory of independent sampling. */
  readonly expectedError: number;
}

/** Estimates of a key of `truth` accesses among ten times as many commands, each counted with `probability`. */
export function accuracyOfSampling(probability: number, truth: number, runs: number): Accuracy {
  const estimates = Array.from({ length: runs }, (_, run) => estimateOf(probability, truth, run + 1));
  const mean = estimates.reduce((sum, estimate) => sum + estimate, 0) / runs;
  const variance = estimates.reduce((sum, estimate) => sum + (estimate - mean) ** 2, 0) / (runs - 1);
  return {
    runs,
    truth,
    mean,
    standardError: Math.sqrt(variance) / truth,
    expectedError: Math.sqrt((1 - probability) / (probability * truth)),
  };
}

function estimateOf(probability: number, truth: number, seed: number): number {
  const tally: Tally = { probability, add: () => {} };
  const sampler = new Sampler({
    fixed: probability,
    tallyOf: () => tally,
    clock: new SimulatedClock(),
    onTime: null,
    random: seededRandom(seed),
  });
  let counted = 0;
  for (let i = 0; i < truth * 10; i++) if (sampler.take() !== null && i % 10 === 3) counted++;
  return counted / probability;
}
