import type { Rule } from "../config/schema.ts";
import type { TargetFare } from "../model/target-fare.ts";
import type { Verdict } from "../model/verdict.ts";
import { type Judgement, severityAt } from "./rule.ts";

/**
 * A target that is not seen: whatever is hot there, nobody would hear of it.
 *
 * `unseenMs`: for how long nobody has watched it, as far as this process can tell.
 */
export function judgeBlind(rule: Rule, { state }: TargetFare, unseenMs: number): Judgement {
  return {
    verdict: verdictOf(rule, state, unseenMs),
    severity: severityAt(rule, unseenMs),
    measure: { unit: "seconds", value: unseenMs / 1000, threshold: rule.threshold / 1000, baseline: null },
  };
}

function verdictOf({ threshold }: Rule, state: TargetFare["state"], unseenMs: number): Verdict {
  if (state === "seen") return "calm";
  return state === "blind" && unseenMs >= threshold ? "hot" : "between";
}
