import type { HotSet, Lease } from "../model/hot-set.ts";

/** Clusters beyond it have no hot set here. */
const CLUSTERS_MAX = 1024;

/** The hot set of each cluster, as its owner wrote it last. */
export class HotSets {
  readonly #byCluster = new Map<string, HotSet>();
  readonly #listeners = new Set<() => void>();

  /** Of two owners the one of the higher term counts. */
  put(hotSet: HotSet): void {
    const { cluster, term } = hotSet.authority;
    const known = this.#byCluster.get(cluster);
    if (known === undefined ? this.#byCluster.size >= CLUSTERS_MAX : known.authority.term > term) return;
    this.#byCluster.set(cluster, hotSet);
    for (const listener of this.#listeners) listener();
  }

  leases(): readonly (Lease & { readonly cluster: string })[] {
    return [...this.#byCluster.values()].flatMap(({ authority: { cluster }, leases }) =>
      leases.map((lease) => ({ ...lease, cluster })),
    );
  }

  /** Calls `listener` after each change; the returned function ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
