import type { Heat } from "./heat.ts";

type TargetFigures = Pick<
  Heat,
  | "windowMs"
  | "asOfMs"
  | "complete"
  | "counts"
  | "currentRatePerSecond"
  | "shareOfTarget"
  | "suspect"
  | "commands"
  | "services"
>;

/** How a target as a whole fares: what a rule on targets judges. */
export interface TargetSight extends TargetFigures {
  readonly key: null;
  readonly cluster: string;
  readonly target: string;
  readonly slot: null;
}

/** What is seen of the subject of an incident at one time. */
export type Sight = Heat | TargetSight;

export function clusterOf(sight: Sight): string {
  return sight.key === null ? sight.cluster : sight.key.cluster;
}
