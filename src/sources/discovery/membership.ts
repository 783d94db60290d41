import type { TargetConfig } from "../../config/schema.ts";
import type { NamedServer } from "../../redis/topology.ts";

/** A server of a cluster, and through whom it was found: whose credentials are tried. */
export interface Member {
  readonly server: NamedServer;
  readonly via: TargetConfig;
}

/** Who belongs to a cluster. */
export interface Membership {
  /** Name of the cluster, under which its servers are reported. */
  readonly cluster: string;
  readonly members: readonly Member[];
  /** `null` outside Cluster mode. */
  readonly slotsCovered: number | null;
}

/** Memberships of the same cluster name are one: servers that share a name share a keyspace. */
export function merged(memberships: readonly Membership[]): Membership[] {
  const byName = new Map<string, Membership>();
  for (const membership of memberships) {
    const { cluster, members, slotsCovered } = membership;
    const known = byName.get(cluster);
    byName.set(cluster, {
      cluster,
      members: [...(known?.members ?? []), ...members],
      slotsCovered: slotsCovered ?? known?.slotsCovered ?? null,
    });
  }
  return [...byName.values()];
}
