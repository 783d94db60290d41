import type { Config } from "../config/schema.ts";
import { formatHostPort } from "../config/target-url.ts";
import type { TargetPoll } from "../redis/poll.ts";
import type { Findings } from "./finding.ts";

/** How the server publishes what the tap wants; `null`: its flags cannot be read. */
export type FlagsSight = "all" | "no-misses" | "too-little" | null;

export interface SightConditions {
  readonly poll: TargetPoll;
  readonly flags: FlagsSight;
  readonly canSubscribe: boolean;
}

/** What of a server's accesses will be seen, vantage by vantage, with this config and as things are. */
export function noteSight(findings: Findings, config: Config, conditions: SightConditions): void {
  findings.info("sees writes", eventsText(config, conditions, "writes"));
  findings.info("sees misses", eventsText(config, conditions, "misses"));
  findings.info("sees reads", readsText(config));
}

function eventsText(
  { sources }: Config,
  { poll: { role }, flags, canSubscribe }: SightConditions,
  kind: "writes" | "misses",
): string {
  const { enabled, configure, patterns } = sources.keyspace;
  const which = patterns.length === 0 ? "" : `, of keys that match ${patterns.join(" ")}`;
  if (!enabled) return "not from events: sources.keyspace is off";
  if (!canSubscribe) return "none: this user may not subscribe";
  if (kind === "writes" && role === "replica")
    return "none here: a replica repeats those of its primary, which counts them";
  if (flags === "too-little" && configure === "verify") return "none: the flags are missing";
  if (flags === null) return `as far as the server publishes them, which cannot be read${which}`;
  if (kind === "misses" && flags === "no-misses") return "none: class m is missing";
  return `all, from the server's events${which}`;
}

function readsText({ sources, http }: Config): string {
  if (!sources.samples.enabled) return "none: events never show reads that hit, and sources.samples is off";
  const { host, port } = http.listen;
  const url = `${http.tls ? "https" : "http"}://${formatHostPort(host, port)}`;
  const token = http.auth === undefined ? "" : ", with the token";
  return `those of applications that report them to ${url}/v1/samples${token}: events never show reads that hit`;
}
