import type { Rule } from "./config/schema.ts";
import type { StageBooks } from "./runtime/accounting.ts";
import type { Clock } from "./runtime/clock.ts";
import type { Logger } from "./runtime/logger.ts";
import type { OwnPod } from "./sources/discovery/pods/cluster-access.ts";
import type { KafkaProblem } from "./transport/kafka/problem.ts";

export interface ServiceOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Of Kubernetes, where that is asked for pods. */
  readonly ownPod?: OwnPod | undefined;
  /** Called once, where the process cannot go on: it is to end with this reason. */
  readonly onDead: (problem: KafkaProblem) => void;
}

/** An agent or an aggregator as a process of its own. */
export interface Service {
  /** Of its HTTP server, without a trailing slash. */
  readonly url: string;
  /** Of every stage: received = kept + dropped. */
  books(): StageBooks[];
  /** Goes by these rules from now on. Left out: it judges nothing. */
  setRules?(rules: readonly Rule[]): void;
  /** Sends what is on its way and closes stage by stage, within 5 s. */
  stop(): Promise<void>;
}

/** The problems that there are, each once. */
export function uniqueLines(lines: readonly (string | null)[]): string[] {
  return [...new Set(lines)].filter((line) => line !== null);
}
