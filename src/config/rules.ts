import type { z } from "zod";
import type { HeatKind } from "../model/access.ts";
import type { Severity } from "../model/incident.ts";
import { choice, duration, glob, list, name, section, share } from "./scalars.ts";
import {
  checkThresholds,
  defaultThreshold,
  parseThreshold,
  RULE_TYPES,
  type RuleType,
  threshold,
} from "./thresholds.ts";

const match = section({
  cluster: glob().prefault("*").describe("Glob of the cluster's name."),
  key: glob()
    .prefault("*")
    .describe("Glob of the key; a key of more than 1 KiB is matched by its first 1 KiB."),
  pattern: glob().prefault("*").describe("Glob of the key's pattern, such as `user:{n}`."),
  service: glob()
    .prefault("*")
    .describe("Glob of a service that uses the key, as clients report it: one such service is enough."),
})
  .prefault({})
  .describe(
    "Which keys the rule judges. Of the rules of one type, kind and window, the first that matches does.",
  );

const rule = section({
  name: name().describe("Its name in alerts and metrics; no two rules share one."),
  type: choice(RULE_TYPES).describe(
    "What is judged. Of a key: the `rate` of its accesses, its `share` of its server's, a `surge` above its own " +
      "baseline, its `misses`, its `bandwidth`. Of a server: a `skew` against its peers, being `blind` to it.",
  ),
  kind: choice(["total", "read", "write", "miss"])
    .prefault("total")
    .describe("Which accesses count, for `rate` and `surge`; `total` is reads and writes."),
  window: duration({ min: "100ms", max: "15m" })
    .prefault("10s")
    .describe(
      "Over how long it is judged; a multiple of `panes.length`, kept beside those under `windows`. `blind` has none.",
    ),
  threshold: threshold()
    .optional()
    .describe(
      "From where on the rule surely holds: a rate for `rate` (1000/s), `misses` (1000/s) and `surge` (100/s, below which " +
        "none is looked for), 0 to 1 for `share` (0.5; of a server that runs 100 accesses/s or more), bytes for `bandwidth` (100MiB/s), a ratio to the mean of the peers for " +
        "`skew` (3), a duration for `blind` (60s, or 0s where `for` is given). In brackets: the defaults.",
    ),
  minShare: share({ zero: true })
    .prefault(0)
    .describe(
      "And the key takes at least this share of its server's accesses; where those are unknown, it holds nothing back.",
    ),
  for: duration({ max: "1d" })
    .optional()
    .describe("How long the rule must hold before it fires. Default: 0s."),
  resolveBelow: share({ zero: false })
    .optional()
    .describe(
      "Recovery begins when it is surely below this part of the threshold. Default: 0.8; 0.5 for `surge`, of three times the " +
        "baseline or the threshold, whichever is more.",
    ),
  keepFiringFor: duration({ max: "1d" })
    .prefault("30s")
    .describe("How long it must stay below before the incident resolves."),
  cooldown: duration()
    .prefault("5m")
    .describe("No second notification to one receiver within this, unless severity rises."),
  severity: choice(["info", "warning", "critical"])
    .prefault("warning")
    .describe("Severity of its incidents."),
  criticalAt: threshold()
    .optional()
    .describe("From where on the severity is `critical`, written as the threshold; at least that."),
  match,
}).check(checkThresholds);

export type FileRule = z.output<typeof rule>;

/** A rule, ready to use: durations in ms. */
export interface Rule {
  readonly name: string;
  readonly type: RuleType;
  readonly kind: HeatKind;
  readonly window: number;
  /** By `type`: per second, a share, bytes per second, a ratio, ms. */
  readonly threshold: number;
  readonly minShare: number;
  readonly for: number;
  readonly resolveBelow: number;
  readonly keepFiringFor: number;
  readonly cooldown: number;
  readonly severity: Severity;
  readonly criticalAt?: number;
  readonly match: FileRule["match"];
}

/** Builds a rule from one without problems. */
export function resolveRule(file: FileRule): Rule {
  const { type, criticalAt, ...rest } = file;
  const isBlind = type === "blind";
  const fallback = isBlind && file.for !== undefined ? "0s" : defaultThreshold(type);
  return {
    ...rest,
    type,
    // A key whose reads find nothing is hammered by misses, whatever else is done to it.
    kind: type === "misses" ? "miss" : file.kind,
    threshold: thresholdOf(type, file.threshold ?? fallback),
    for: file.for ?? 0,
    resolveBelow: file.resolveBelow ?? (type === "surge" ? 0.5 : 0.8),
    ...(criticalAt === undefined ? {} : { criticalAt: thresholdOf(type, criticalAt) }),
  };
}

function thresholdOf(type: RuleType, written: string | number): number {
  const parsed = parseThreshold(type, written);
  if ("problem" in parsed) throw new Error(`a checked threshold does not parse: ${parsed.problem}`);
  return parsed.value;
}

export const windows = list(duration({ min: "100ms", max: "15m" }), { min: 1, max: 8 })
  .prefault(["10s", "60s"])
  .describe(
    "Over which lengths heat is kept; the windows of rules come on top. Each is a multiple of `panes.length`.",
  );

export const grace = duration({ max: "1m" })
  .prefault("2s")
  .describe("How long a window waits for parts that are late before it closes.");

export const rules = list(rule)
  .prefault([
    { name: "hot-key", type: "rate", threshold: "1000/s", minShare: 0.1 },
    { name: "blind", type: "blind", threshold: "60s" },
  ])
  .describe("What makes a key hot, and what else somebody should hear of. Read again on SIGHUP.");
