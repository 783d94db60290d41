import type { IncidentBook } from "./book.ts";

export interface FiringCount {
  readonly cluster: string;
  readonly rule: string;
  readonly count: number;
}

/**
 * How many incidents fire, by cluster and rule. A rule that fires nowhere in `clusters` is a 0, not a gap in the graph;
 * what fires counts whether its cluster is among them or not.
 */
export function firingCounts(
  incidents: IncidentBook,
  rules: readonly { readonly name: string }[],
  clusters: Iterable<string>,
): readonly FiringCount[] {
  const counts = new Map<string, { cluster: string; rule: string; count: number }>();
  const entryOf = (cluster: string, rule: string) => {
    const id = JSON.stringify([cluster, rule]);
    const entry = counts.get(id) ?? { cluster, rule, count: 0 };
    counts.set(id, entry);
    return entry;
  };
  for (const cluster of clusters) for (const { name } of rules) entryOf(cluster, name);
  for (const { status, rule, cluster } of incidents.active()) {
    if (status === "firing" || status === "recovering") entryOf(cluster, rule).count++;
  }
  return [...counts.values()];
}
