import { SLOT_COUNT } from "../../../model/slot.ts";

/** Which primary serves which slot. */
export class Topology {
  /** `host:port` by slot, as the client reaches it; `null`: nobody. */
  readonly owners: readonly (string | null)[];
  /** Primaries with slots, in the order of their lowest ones. */
  readonly nodes: readonly string[];

  constructor(owners: readonly (string | null)[]) {
    this.owners = owners;
    this.nodes = [...new Set(owners)].filter((owner) => owner !== null);
  }
}

/** What a client of a cluster has by slot: addresses, the primary's first (ioredis), or a shard (node-redis). */
type Entry = readonly unknown[] | { readonly master?: { readonly address?: unknown } } | undefined;

interface ClusterClient {
  readonly slots?: unknown;
  /** ioredis: the connections to nodes of a role. */
  nodes?(role: "master"): readonly unknown[];
}

/** What a client of ioredis or node-redis knows of its cluster; it follows the cluster by itself. */
export class TopologyView {
  readonly #cluster: ClusterClient;
  #known = new Topology([]);
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(cluster: object) {
    this.#cluster = cluster;
  }

  /** Not older than `maxAgeMs`. The same object as before where nothing has changed. Reading it takes about 0.1 ms. */
  current(maxAgeMs: number): Topology {
    const nowMs = performance.now();
    if (nowMs - this.#readMs < maxAgeMs && this.#known.nodes.length > 0) return this.#known;
    this.#readMs = nowMs;
    const { slots } = this.#cluster;
    const entries: readonly Entry[] = Array.isArray(slots) ? slots : [];
    const owners = Array.from({ length: SLOT_COUNT }, (_, slot) => ownerIn(entries[slot]));
    const isSame = owners.every((owner, slot) => owner === this.#known.owners[slot]);
    if (!isSame) this.#known = new Topology(owners);
    return this.#known;
  }

  /**
   * How many primaries serve slots. ioredis, told by one node that a slot has moved, for a moment takes all slots of that
   * range for moved, so that a primary seems to serve none; its connections tell better.
   */
  get primaries(): number {
    return Math.max(this.current(0).nodes.length, this.#cluster.nodes?.("master").length ?? 0);
  }
}

function ownerIn(entry: Entry): string | null {
  if (entry === undefined) return null;
  const owner = "master" in entry ? entry.master?.address : Array.isArray(entry) ? entry[0] : null;
  return typeof owner === "string" ? owner : null;
}
