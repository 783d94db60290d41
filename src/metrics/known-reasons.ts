/**
 * Reasons for which a stage may drop something. Their counters are there at 0 from the start: of a counter that appears
 * with its first drop, Prometheus' `increase` does not see that drop.
 */
export const DROP_REASONS: ReadonlyMap<string, readonly string[]> = new Map([
  ["tap", ["foreign", "no-access", "not-sampled"]],
  ["samples", ["budget", "duplicate", "excess", "instances", "late", "services"]],
  ["ingest", ["aborted", "busy", "encoding", "invalid", "media-type", "too-large"]],
  ["transport", ["backlog-full", "closed", "too-large", "unencodable"]],
  ["recording", ["closed", "failed", "full", "unencodable"]],
  ["panes", ["future", "unreadable"]],
  ["windows", ["duplicate", "future", "late", "outdated", "refused"]],
  ["window-entries", ["truncated"]],
  ["incidents", ["active-full"]],
  ["silences", ["expired", "silences-full"]],
  ["notify", ["inhibited", "refused", "resolved", "silenced", "superseded", "tracked-full", "withdrawn"]],
  ["records", ["closed", "superseded", "too-large", "writer-full"]],
  ["tables", ["unreadable"]],
  ["stream", ["slow-client"]],
  ["hotset", ["slow-client"]],
]);

/** Reasons of a gap at a target: at 0 from the start, too. */
export const GAP_REASONS: readonly string[] = [
  "auth",
  "closed",
  "denied",
  "flags",
  "no-events",
  "paused",
  "protocol",
  "refused",
  "role",
  "unresponsive",
];

/** The counts by reason, with a 0 for each of `reasons` that is not among them. */
export function withZeros(
  counts: Readonly<Record<string, number>>,
  reasons: readonly string[] = [],
): [reason: string, count: number][] {
  const zeros = reasons.map((reason): [string, number] => [reason, 0]);
  return [...new Map([...zeros, ...Object.entries(counts)])];
}
