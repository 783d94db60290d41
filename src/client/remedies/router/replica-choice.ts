export const STRATEGIES = ["round-robin", "least-latency"] as const;

/** Which of the replicas that may serve a read gets it. */
export type ReplicaStrategy = (typeof STRATEGIES)[number];

export interface Candidate {
  /** Of reads. `null`: nothing was measured. */
  readonly latencyMs: number | null;
  /** When that was measured last (monotonic). */
  readonly measuredMs: number;
  /** Reads under way. */
  readonly underWay: number;
}

/** After so long a latency is measured again, by one read. */
const TRIAL_MS = 1000;
/** Replicas that cost so much more than the best one count as equal to it. */
const EQUAL_RATIO = 1.25;

/**
 * Chooses in turn, or by least latency x (reads under way + 1), in turn among those that are about equal. The reads under
 * way keep all reads of a moment from going to the one that happens to be ahead, and see a replica that begins to hang
 * before any of its answers does. A replica that is not read from for a second, as it was slow, gets one read on trial.
 *
 * Source: "Beyond Round Robin: Load Balancing for Latency" (Finagle's EWMA balancer), Buoyant, 2016.
 */
export class ReplicaChoice {
  readonly #strategy: ReplicaStrategy;
  #turn = 0;

  constructor(strategy: ReplicaStrategy) {
    this.#strategy = strategy;
  }

  /** `null`: there are no candidates. */
  pick<Replica extends Candidate>(candidates: readonly Replica[], nowMs: number): Replica | null {
    if (this.#strategy === "round-robin") return this.#inTurn(candidates);
    const untried = candidates.find((candidate) => isUntried(candidate, nowMs));
    if (untried !== undefined) return untried;
    const leastCost = Math.min(...candidates.map(costOf));
    return this.#inTurn(candidates.filter((candidate) => costOf(candidate) <= leastCost * EQUAL_RATIO));
  }

  #inTurn<Replica>(candidates: readonly Replica[]): Replica | null {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    return candidates[this.#turn % candidates.length] ?? null;
  }
}

function isUntried({ latencyMs, measuredMs, underWay }: Candidate, nowMs: number): boolean {
  return underWay === 0 && (latencyMs === null || nowMs - measuredMs >= TRIAL_MS);
}

function costOf({ latencyMs, underWay }: Candidate): number {
  return (latencyMs ?? 0) * (underWay + 1);
}
