import type { Problem } from "./problem.ts";
import type { FileRule } from "./rules.ts";
import { type Draft, valueAt } from "./schema-walk.ts";
import { defaultThreshold, parseThreshold, type RuleType, showThreshold } from "./thresholds.ts";

/** What rules on targets do not look at. */
const ABOUT_KEYS = ["kind", "minShare", "match.key", "match.pattern", "match.service"];

/** Keys that say nothing for a type. */
const MEANINGLESS: Readonly<Partial<Record<RuleType, readonly string[]>>> = {
  misses: ["kind"],
  share: ["kind"],
  bandwidth: ["kind"],
  skew: ABOUT_KEYS,
  blind: ABOUT_KEYS,
};

/** Values that say no more than leaving the key out. */
const NEUTRAL: ReadonlySet<unknown> = new Set(["total", "*", 0]);

/** A server's reports are remembered for so long. */
const SKEW_WINDOW_MS_MAX = 60_000;

const WHAT_ELSE: Readonly<Partial<Record<RuleType, string>>> = {
  misses: "which has a kind of its own",
  bandwidth: "which has a kind of its own",
  share: "which is of all accesses",
};

/** What of a rule does not go together; `input` is the rule as it stands in the file. */
export function ruleProblems(rule: Draft<FileRule>, input: unknown, path: string): Problem[] {
  const { type } = rule;
  if (type === undefined) return [];
  return [
    ...meaninglessProblems(type, input, path),
    ...criticalProblems(type, rule, path),
    ...windowProblems(rule, path),
  ];
}

function meaninglessProblems(type: RuleType, input: unknown, path: string): Problem[] {
  const keys = MEANINGLESS[type] ?? [];
  const isWritten = (key: string) => {
    const written = valueAt(input, key.split("."));
    const isOwn = type === "misses" && written === "miss";
    return written !== undefined && !NEUTRAL.has(written) && !isOwn;
  };
  const what = WHAT_ELSE[type] ?? "which judges a server as a whole";
  return keys
    .filter(isWritten)
    .map((key) => ({ path: `${path}.${key}`, message: `says nothing for a rule of type ${type}, ${what}` }));
}

function criticalProblems(type: RuleType, rule: Draft<FileRule>, path: string): Problem[] {
  if (rule.criticalAt === undefined) return [];
  const threshold = parseThreshold(type, rule.threshold ?? defaultThreshold(type));
  const critical = parseThreshold(type, rule.criticalAt);
  // A value that is wrong by itself is reported as such.
  if ("problem" in threshold || "problem" in critical || critical.value >= threshold.value) return [];
  const least = showThreshold(type, threshold.value);
  const got = showThreshold(type, critical.value);
  return [{ path: `${path}.criticalAt`, message: `expected at least the threshold (${least}), got ${got}` }];
}

function windowProblems({ type, window = 0 }: Draft<FileRule>, path: string): Problem[] {
  if (type !== "skew" || window <= SKEW_WINDOW_MS_MAX) return [];
  return [
    { path: `${path}.window`, message: `expected at most 1m for a rule of type skew, got ${window}ms` },
  ];
}
