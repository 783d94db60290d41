import ipaddr from "ipaddr.js";
import type { z } from "zod";
import { parseHttpUrl } from "./http.ts";
import {
  choice,
  count,
  duration,
  file,
  glob,
  list,
  name,
  type Parsed,
  secret,
  section,
  text,
} from "./scalars.ts";

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

function parseNetwork(text: string): Parsed<string> {
  const valid = ipaddr.isValidCIDR(text) || (ipaddr.isValid(text) && /[:]|^\d+(\.\d+){3}$/.test(text));
  return valid ? { value: text } : { problem: "expected an IP address or a network such as 127.0.0.0/8" };
}

const webhook = section({
  url: text({ type: "URL (secret)", max: 8192, secret: true, parse: parseHttpUrl }).describe(
    "Where incidents are posted, as Standard Webhooks.",
  ),
  secret: secret()
    .optional()
    .describe("Signs the messages (HMAC-SHA256); best from an environment variable."),
  secretFile: file()
    .optional()
    .describe("File that holds the secret, in place of `secret`; a trailing newline is left off."),
});

const receiver = section({
  name: name().describe("Its name in routes and metrics; no two receivers share one."),
  webhook: webhook.optional().describe("An HTTP endpoint."),
  log: section({}).optional().describe("Lines in Keyheat's own log: `log: {}`."),
  allow: list(text({ what: "a network", type: "network", max: 64, parse: parseNetwork }), { max: 100 })
    .prefault([])
    .describe(
      "For a webhook: the only networks and addresses it may be sent to. Link-local and metadata addresses never are.",
    ),
});

export const receivers = list(receiver)
  .prefault([{ name: "log", log: {} }])
  .describe("Who is told; each has exactly one of `webhook` and `log`.");
