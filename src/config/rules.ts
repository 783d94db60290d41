import type { z } from "zod";
import { choice, duration, glob, list, name, rate, section, share } from "./scalars.ts";

const match = section({
  cluster: glob().prefault("*").describe("Glob of the cluster's name."),
  key: glob()
    .prefault("*")
    .describe("Glob of the key; a key of more than 1 KiB is matched by its first 1 KiB."),
})
  .prefault({})
  .describe("Which keys the rule judges.");

const rule = section({
  name: name().describe("Its name in alerts and metrics; no two rules share one."),
  type: choice(["rate"]).describe("What is judged: the `rate` of a key's accesses."),
  kind: choice(["total", "read", "write", "miss"])
    .prefault("total")
    .describe("Which accesses count; `total` is reads and writes."),
  window: duration({ min: "100ms", max: "15m" })
    .prefault("10s")
    .describe(
      "Over how long the rate is taken; a multiple of `panes.length`, kept beside those under `windows`.",
    ),
  threshold: rate().prefault("1000/s").describe("The rule holds when the rate is surely at least this."),
  minShare: share({ zero: true })
    .prefault(0)
    .describe(
      "And the key takes at least this share of its server's accesses; where those are unknown, it holds nothing back.",
    ),
  for: duration({ max: "1d" }).prefault("0s").describe("How long the rule must hold before it fires."),
  resolveBelow: share({ zero: false })
    .prefault(0.8)
    .describe("Recovery begins when the rate is surely below this part of the threshold."),
  keepFiringFor: duration({ max: "1d" })
    .prefault("30s")
    .describe("How long it must stay below before the incident resolves."),
  cooldown: duration()
    .prefault("5m")
    .describe("No second notification to one receiver within this, unless severity rises."),
  severity: choice(["info", "warning", "critical"])
    .prefault("warning")
    .describe("Severity of its incidents."),
  criticalAt: rate()
    .optional()
    .describe("Rate from which the severity is `critical`; at least the threshold."),
  match,
});

export type RateRule = z.output<typeof rule>;
export type Rule = RateRule;

export const windows = list(duration({ min: "100ms", max: "15m" }), { min: 1, max: 8 })
  .prefault(["10s", "60s"])
  .describe(
    "Over which lengths heat is kept; the windows of rules come on top. Each is a multiple of `panes.length`.",
  );

export const grace = duration({ max: "1m" })
  .prefault("2s")
  .describe("How long a window waits for parts that are late before it closes.");

export const rules = list(rule)
  .prefault([{ name: "hot-key", type: "rate", threshold: "1000/s", minShare: 0.1 }])
  .describe("What makes a key hot.");
