import type { z } from "zod";
import { choice, count, duration, glob, list, name, section } from "./scalars.ts";

const match = section({
  severity: choice(["info", "warning", "critical"]).optional().describe("Severity, exactly."),
  cluster: glob().optional().describe("Glob of the cluster's name."),
  rule: glob().optional().describe("Glob of the rule's name."),
  key: glob().optional().describe("Glob of the key."),
})
  .prefault({})
  .describe("Which incidents take this route; what is left out matches all.");

const route = section({
  match,
  receivers: list(name(), { min: 1, max: 100 }).describe("Names of receivers."),
  groupWait: duration({ max: "1h" })
    .prefault("100ms")
    .describe("How long to wait for more keys that fire together, so that they make one message."),
  groupInterval: duration({ min: "1ms", max: "1d" })
    .prefault("30s")
    .describe("How often the budget of messages grows by one."),
  burst: count({ min: 1, max: 1000 })
    .prefault(5)
    .describe("Budget of messages for each cluster and receiver; beyond it, what fires leaves as one group."),
});

export type Route = z.output<typeof route>;

export const routes = list(route)
  .optional()
  .describe("Which incidents go to whom. Left out: everything to every receiver. Empty: nothing to anyone.");
