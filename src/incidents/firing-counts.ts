import type { IncidentBook } from "./book.ts";

export interface FiringCount {
  readonly cluster: string;
  readonly rule: string;
  readonly count: number;
}

/** How many incidents fire, by cluster and rule. A rule that fires nowhere is a 0, not a gap in the graph. */
export function firingCounts(
  incidents: IncidentBook,
  rules: readonly { readonly name: string }[],
  clusters: Iterable<string>,
): readonly FiringCount[] {
  const counts = new Map<string, { cluster: string; rule: string; count: number }>();
  for (const cluster of clusters) {
    for (const { name } of rules) counts.set(`${cluster} ${name}`, { cluster, rule: name, count: 0 });
  }
  for (const { status, rule, cluster } of incidents.active()) {
    const entry = counts.get(`${cluster} ${rule}`);
    if (entry && (status === "firing" || status === "recovering")) entry.count++;
  }
  return [...counts.values()];
}
